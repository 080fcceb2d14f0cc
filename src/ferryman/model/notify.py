"""The section `notify` of a controller's settings: channels, and who is told what by which."""

from __future__ import annotations

import msgspec

from ferryman.model.notice import Audience, NoticeKind, Severity


class Rule(msgspec.Struct, frozen=True):
    """What `channels` are told (none named: all). Every condition must hold, an empty one always does: one of `kinds`,
    one of `audience`, at least `severity`, a service that one of `services` (shell patterns) fits."""

    channels: tuple[str, ...] = ()
    kinds: tuple[NoticeKind, ...] = ()
    audience: tuple[Audience, ...] = ()
    severity: Severity = Severity.INFO
    services: tuple[str, ...] = ()
