"""The mark that somebody wrote about an incident."""

from __future__ import annotations

from ferryman.core.answers import Answer
from ferryman.core.standing import legal_now
from ferryman.model.errors import Refused, UsageError
from ferryman.model.event import Draft, PostmortemWritten
from ferryman.model.rollout import Service

URL_CHARACTERS_MAX = 500


def written_about(service: Service, rollout: str, url: str, *, actor: str, reason: str = "") -> Answer:
    """The post-mortem of `rollout` is at `url`. Raises `UsageError` (``bad_url``) for what is no address of the web, and
    `Refused` (``no_incident``) when no user met what was taken back there."""
    plain = len(url) <= URL_CHARACTERS_MAX and url.isprintable() and " " not in url
    if not plain or not url.startswith(("https://", "http://")):
        raise UsageError("bad_url", f"{url[:80]!r} is no address of a page", "write https://...")
    known = service.incidents.get(rollout)
    if known is None:
        names = ", ".join(reversed(service.incidents)) or "none"
        raise Refused("no_incident", f"{rollout} is no incident", legal_now(service), f"incidents: {names}")
    if known.postmortem == url:
        return Answer((), f"the post-mortem of {rollout} is known already", rollout)
    return Answer((Draft(rollout, PostmortemWritten(url, reason), actor),), f"post-mortem of {rollout}: {url}", rollout)
