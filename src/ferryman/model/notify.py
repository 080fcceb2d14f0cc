"""The section `notify` of a controller's settings: channels, and who is told what by which."""

from __future__ import annotations

import msgspec

from ferryman.model.notice import Audience, NoticeKind, Severity
from ferryman.model.secret import Secret

STUCK_SECONDS = 900.0


class WebhookSettings(msgspec.Struct, frozen=True):
    """A JSON document by POST to `url`, signed with `secret` if there is one."""

    url: str | Secret
    secret: Secret | None = None


class SlackSettings(msgspec.Struct, frozen=True):
    """An incoming webhook of Slack; whoever knows its `url` may write there."""

    url: Secret


class EmailSettings(msgspec.Struct, frozen=True):
    """Mail by SMTP. `security`: starttls, tls or none. `ca_file` is seen from the settings file."""

    host: str
    sender: str
    recipients: tuple[str, ...]
    port: int = 587
    security: str = "starttls"
    user: str = ""
    password: Secret | None = None
    ca_file: str = ""


class AppriseSettings(msgspec.Struct, frozen=True):
    """Any service of the library apprise, by its `url` in that library's notation."""

    url: Secret


class ChannelSettings(msgspec.Struct, frozen=True):
    """One channel, by a name of its own."""

    name: str
    via: WebhookSettings | SlackSettings | EmailSettings | AppriseSettings


class Rule(msgspec.Struct, frozen=True):
    """What `channels` are told (none named: all). Every condition must hold, an empty one always does: one of `kinds`,
    one of `audience`, at least `severity`, a service that one of `services` (shell patterns) fits."""

    channels: tuple[str, ...] = ()
    kinds: tuple[NoticeKind, ...] = ()
    audience: tuple[Audience, ...] = ()
    severity: Severity = Severity.INFO
    services: tuple[str, ...] = ()


class NotifySettings(msgspec.Struct, frozen=True):
    """All of it. A rollout that has not moved for `stuck_seconds` outside a wait is told of."""

    channels: tuple[ChannelSettings, ...] = ()
    rules: tuple[Rule, ...] = ()
    stuck_seconds: float = STUCK_SECONDS
