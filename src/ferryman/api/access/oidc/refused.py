"""Why a sign-in by OIDC came to nothing."""

from __future__ import annotations

from ferryman.api.access.principal import Unauthenticated


class SignInRefused(Unauthenticated):
    """`code` is one of ``oidc_state``, ``oidc_denied``, ``oidc_token``, ``oidc_no_role``, ``oidc_provider``."""


def refused(code: str, message: str, hint: str = "") -> SignInRefused:
    """One of them."""
    return SignInRefused(f"oidc_{code}", message, hint or "begin the sign-in again")
