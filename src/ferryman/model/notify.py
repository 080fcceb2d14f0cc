"""The section `notify` of a controller's settings: channels, and who is told what by which."""

from __future__ import annotations

import msgspec

from ferryman.model.notice import Audience, NoticeKind, Severity
from ferryman.model.secret import Secret

STUCK_SECONDS = 900.0
LINK_SECONDS = 86_400.0


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


class Approver(msgspec.Struct, frozen=True):
    """The one person whom a channel reaches, and in which role (operator or admin) their word counts when they answer by
    a link."""

    person: str
    role: str = "operator"


class ChannelSettings(msgspec.Struct, frozen=True):
    """One channel, by a name of its own. With an `approver`, what asks for approvals carries a link by which they answer."""

    name: str
    via: WebhookSettings | SlackSettings | EmailSettings | AppriseSettings
    approver: Approver | None = None


class Rule(msgspec.Struct, frozen=True):
    """What `channels` are told (none named: all). Every condition must hold, an empty one always does: one of `kinds`,
    one of `audience`, at least `severity`, a service that one of `services` (shell patterns) fits."""

    channels: tuple[str, ...] = ()
    kinds: tuple[NoticeKind, ...] = ()
    audience: tuple[Audience, ...] = ()
    severity: Severity = Severity.INFO
    services: tuple[str, ...] = ()


class NotifySettings(msgspec.Struct, frozen=True):
    """All of it. A rollout that has not moved for `stuck_seconds` outside a wait is told of. An approval link is good for
    `link_seconds` at most."""

    channels: tuple[ChannelSettings, ...] = ()
    rules: tuple[Rule, ...] = ()
    stuck_seconds: float = STUCK_SECONDS
    link_seconds: float = LINK_SECONDS

    def approver(self, channel: str) -> Approver | None:
        """Who answers by links of this channel; None for nobody."""
        return next((each.approver for each in self.channels if each.name == channel), None)
