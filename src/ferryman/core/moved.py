"""Two people at once: what a verb would act on has a name, and a verb may be bound to it."""

from __future__ import annotations

from ferryman.core.standing import legal_now, subject
from ferryman.model.errors import Refused
from ferryman.model.plan import Phase
from ferryman.model.rollout import Service


def token(service: Service) -> str:
    """Names what a person's verb would act on: the same as long as the verb would mean the same. "" with no rollout."""
    about = subject(service)
    if about is None:
        return ""
    way = "ended" if about.phase.terminal else "paused" if about.phase is Phase.PAUSED else "going"
    down = "/down" if service.down else ""
    return f"{about.id}/{about.attempt}/{about.track.value}/{about.step}/{way}{down}"


def need_standing(service: Service, given: str) -> None:
    """Raises `Refused` (``moved_on``) when `given`, a `token` that somebody looked at, is no longer that of `service`.
    "" does not care."""
    if given and given != token(service):
        raise Refused(
            "moved_on", f"{service.name} has moved on meanwhile", legal_now(service), "look again, then decide"
        )
