"""Whether a controller may listen where its settings say, and its TLS."""

from __future__ import annotations

import ipaddress
import ssl

from ferryman.api.access.access import Access
from ferryman.model.errors import ControllerError
from ferryman.model.settings import Listen, Settings


def is_loopback(settings: Settings) -> bool:
    """Whether nobody but this machine can reach it, as far as its addresses go."""
    return all(_is_here(listen) for listen in settings.listens)


def _is_here(listen: Listen) -> bool:
    return ipaddress.ip_address(listen.host).is_loopback


def may_listen(settings: Settings, access: Access) -> None:
    """Beyond loopback somebody must be able to show who they are, and nobody on the way may read how. Raises
    `ControllerError`: ``no_authentication``, ``no_tls``."""
    place = next((f"{each.host}:{each.port}" for each in settings.listens if not _is_here(each)), "")
    if not place:
        return
    if settings.flagd.anonymous:
        raise ControllerError(
            "no_authentication",
            f"{place} is reached from other machines, and clients of flagd may ask without a token",
            "listen on loopback alone, or take `flagd.anonymous` out of ferry.yaml and give them tokens",
        )
    if settings.tls is None and not settings.insecure_http:
        raise ControllerError(
            "no_tls",
            f"{place} is reached from other machines, and there is no TLS: tokens would pass readable",
            "set `tls` in ferry.yaml, or say `insecureHttp: true` (`--insecure-http`) behind a proxy that has it",
        )
    if settings.oidc is None and not access.has_live_token:
        raise ControllerError(
            "no_authentication",
            f"{place} is reached from other machines, and there is no way to tell who asks",
            "make a token first: `ferry token create --name NAME --role admin`; or set `oidc` in ferry.yaml",
        )


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """TLS 1.2 or later with the certificate of the settings; None without one. Raises `ControllerError`
    (``tls_failed``)."""
    tls = settings.tls
    if tls is None:
        return None
    cert, key = settings.place(tls.cert), settings.place(tls.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a function for it, a key with a passphrase would be asked for on the terminal.
        context.load_cert_chain(cert, key, password=lambda: "")
    except (OSError, ValueError) as problem:
        why = getattr(problem, "reason", None) or getattr(problem, "strerror", None) or str(problem)
        raise ControllerError(
            "tls_failed",
            f"the certificate {cert} and the key {key} cannot be used: {why}",
            "both in PEM, the key without a passphrase and readable by this user, and made for each other",
        ) from None
    return context
