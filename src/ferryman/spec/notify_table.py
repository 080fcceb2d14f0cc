"""The keys of the section `notify` of a settings file."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ferryman.model.notice import Audience, NoticeKind, Severity
from ferryman.model.notify import (
    AppriseSettings,
    Approver,
    ChannelSettings,
    EmailSettings,
    NotifySettings,
    Rule,
    SlackSettings,
    WebhookSettings,
)
from ferryman.model.role import RESERVED_NAMES, Role
from ferryman.spec.document import join
from ferryman.spec.kinds import BAD, Choice, Duration, Schema, Text, Whole, items, read, wrong_type
from ferryman.spec.nodes import MapNode, Node, shorten
from ferryman.spec.report import Report
from ferryman.spec.secret import SecretPlace
from ferryman.spec.shapes import Given, Key, Keys, ListOf

CHANNELS_MAX = 50
NAME_PATTERN = r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?"
HOST_PATTERN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
SECURITY_PORTS = {"starttls": 587, "tls": 465, "none": 25}
CHANNEL_NAME = Text(
    label="name", pattern=NAME_PATTERN, rule="lower case letters, digits and dashes, at most 40", most=40
)
MAIL = Text(
    label="address", pattern=r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+", rule="name@example.org", most=254
)
HOST = Text(label="name", pattern=HOST_PATTERN, rule="the name or address of a host, without a port", most=255)
SERVICES = Text(
    label="pattern", pattern=r"[a-z0-9*?\[\]!-]+", rule="the name of a service, perhaps with * or ?", most=100
)
# A name and a password before the host would be a secret in the file.
_WEB = Text(
    label="URL",
    pattern=rf"https?://{HOST_PATTERN}(?::[0-9]{{1,5}})?(?:/[!-~]*)?",
    rule="http or https, without user and password; if the address itself is secret, name a place for it",
    most=2000,
    hidden=True,
)
PERSON = Text(
    label="name", pattern=r"\S(?:[^\x00-\x1f\x7f]{0,98}\S)?", rule="one line, at most 100 characters", most=100
)
SECRET = SecretPlace()


class WebAddress(msgspec.Struct, frozen=True):
    """An address written out, or the place of a secret one."""

    label: str = "URL or [secret](#secrets)"

    def read(self, node: Node, path: str, report: Report) -> object:
        return (SECRET if isinstance(node, MapNode) else _WEB).read(node, path, report)

    def schema(self) -> Schema:
        return {"anyOf": [_WEB.schema(), SECRET.schema()]}


class Named(msgspec.Struct, frozen=True):
    """A mapping of names to `item`, at most `most`; each value is built with its name."""

    item: Keys
    most: int = CHANNELS_MAX

    @property
    def label(self) -> str:
        return f"name: {self.item.label}"

    def read(self, node: Node, path: str, report: Report) -> object:
        if not isinstance(node, MapNode):
            return wrong_type(node, path, report, "a mapping", "write a name of your own, and the channel below it")
        if len(node.entries) > self.most:
            report.add(node.mark, path, "", "out_of_range", f"more than {self.most} of them", "do with fewer")
            return BAD
        found: list[object] = []
        for name, entry in node.entries.items():
            where = join(path, name)
            if not re.fullmatch(CHANNEL_NAME.pattern, name):
                message = f"`{shorten(name)}` is not allowed: {CHANNEL_NAME.rule}"
                report.add(entry.mark, where, shorten(name), "not_allowed", message, "such as ops-mail")
            value = read(self.item, entry.node, where, report)
            if isinstance(value, ChannelSettings):
                found.append(msgspec.structs.replace(value, name=name))
        return tuple(found)

    def schema(self) -> Schema:
        names = {"pattern": f"^(?:{CHANNEL_NAME.pattern})$"}
        shape: Schema = {"type": "object", "propertyNames": names, "additionalProperties": self.item.schema()}
        return shape | {"maxProperties": self.most}


def _webhook(given: Given) -> object:
    url = given.values.get("url")
    return BAD if url is None else WebhookSettings(url, given.values.get("secret"))  # type: ignore[arg-type]


WEBHOOK = Keys(
    title="Webhook",
    doc="A JSON document by POST, [signed](notifications.md#webhook) if there is a secret.",
    keys=(
        Key("url", WebAddress(), "Where to.", required=True),
        Key("secret", SECRET, "What it is signed with."),
    ),
    build=_webhook,
)


def _slack(given: Given) -> object:
    url = given.values.get("url")
    return BAD if url is None else SlackSettings(url)  # type: ignore[arg-type]


SLACK = Keys(
    title="Slack",
    doc="An incoming webhook of Slack, or of what understands its messages.",
    keys=(Key("url", SECRET, "Its address: who knows it may write there.", required=True),),
    build=_slack,
)


def _email(given: Given) -> object:
    values: dict[str, Any] = dict(given.values)
    security = str(values.get("security", "starttls"))
    if security == "none" and given.has("password"):
        given.wrong("password", "exclusive", "the password would pass readable", "take `starttls` or `tls`")
    if given.has("user") != given.has("password"):
        there, missing = ("user", "password") if given.has("user") else ("password", "user")
        given.wrong(there, "missing", f"`{there}` without `{missing}`", f"add `{missing}`")
    if not {"host", "from", "to"} <= values.keys():
        return BAD
    return EmailSettings(
        host=values["host"].strip("[]"),
        sender=values["from"],
        recipients=tuple(str(address) for address in items(values["to"])),
        port=values.get("port", SECURITY_PORTS[security]),
        security=security,
        user=values.get("user", ""),
        password=values.get("password"),
        ca_file=values.get("caFile", ""),
    )


EMAIL = Keys(
    title="Email",
    doc="Mail by SMTP, as text and HTML.",
    keys=(
        Key("host", HOST, "Mail server.", required=True),
        Key("port", Whole(1, 65_535), "Its port; left out, 587 with starttls, 465 with tls, 25 with none."),
        Key("security", Choice(tuple(SECURITY_PORTS)), "How the connection is encrypted.", default="starttls"),
        Key("caFile", Text(label="path", most=1000), "Certificates to trust instead of the system's, in PEM."),
        Key("user", Text(most=200), "Name to sign in with."),
        Key("password", SECRET, "Its password."),
        Key("from", MAIL, "Sender.", required=True),
        Key("to", ListOf(MAIL, empty=False), "Recipients.", required=True),
    ),
    build=_email,
)


def _apprise(given: Given) -> object:
    url = given.values.get("url")
    return BAD if url is None else AppriseSettings(url)  # type: ignore[arg-type]


APPRISE = Keys(
    title="Apprise",
    doc="Any of some hundred services by the library apprise: `pip install 'ferryman[notify]'`.",
    keys=(Key("url", SECRET, "The service in that library's notation.", required=True),),
    build=_apprise,
)


def _approver(given: Given) -> object:
    person = given.values.get("person")
    if not isinstance(person, str):
        return BAD
    if person.lower() in RESERVED_NAMES:
        given.wrong("person", "not_allowed", f"`{person}` is nobody's name", "the name their token or sign-in has")
    return Approver(person, str(given.values.get("role", Approver("").role)))


APPROVER = Keys(
    title="Approver",
    doc="The one person whom the channel reaches. Notices that ask for approvals carry a "
    "[link](notifications.md#approval-links) by which they answer. Needs `publicUrl`.",
    keys=(
        Key("person", PERSON, "Their name in the log: the one that their token or sign-in has, so that nobody counts twice.",
            required=True),
        Key("role", Choice((Role.OPERATOR.value, Role.ADMIN.value)), "The role in which their word counts.", default="operator"),
    ),
    build=_approver,
)  # fmt: skip


def _channel(given: Given) -> object:
    via = next((given.values[name] for name in ("webhook", "slack", "email", "apprise") if name in given.values), None)
    approver = given.values.get("approver")
    if isinstance(approver, Approver) and isinstance(via, EmailSettings) and len(via.recipients) > 1:
        message = "the mail goes to several people, and each of them could answer as this one"
        given.wrong("approver", "exclusive", message, "give each of them a channel of their own")
    return BAD if via is None else ChannelSettings("", via, approver)  # type: ignore[arg-type]


CHANNEL = Keys(
    title="Channel",
    doc="One place to send to: one of webhook, slack, email and apprise.",
    keys=(
        Key("webhook", WEBHOOK, WEBHOOK.doc),
        Key("slack", SLACK, SLACK.doc),
        Key("email", EMAIL, EMAIL.doc),
        Key("apprise", APPRISE, APPRISE.doc),
        Key("approver", APPROVER, "Who answers by links that come this way."),
    ),
    exclusive=(("webhook",), ("slack",), ("email",), ("apprise",)),
    one_of=True,
    build=_channel,
)  # fmt: skip


def _rule(given: Given) -> object:
    values = given.values
    return Rule(
        channels=tuple(str(name) for name in items(values.get("to"))),
        kinds=tuple(NoticeKind(str(kind)) for kind in items(values.get("kinds"))),
        audience=tuple(Audience(str(who)) for who in items(values.get("audience"))),
        severity=Severity(str(values.get("severity", "info"))),
        services=tuple(str(name) for name in items(values.get("services"))),
    )


KINDS = Choice(tuple(kind.value for kind in NoticeKind if kind is not NoticeKind.TEST))
NOTIFY_RULE = Keys(
    title="Rules",
    doc="A channel is told what any rule that names it lets through. Without a rule all channels are told everything.",
    keys=(
        Key("to", ListOf(CHANNEL_NAME, empty=False), "Channels; left out, all."),
        Key("kinds", ListOf(KINDS, empty=False), "One of these happened; left out, anything."),
        Key("audience", ListOf(Choice(tuple(Audience)), empty=False), "It concerns one of these; left out, anybody."),
        Key("severity", Choice(tuple(Severity)), "It matters at least this much.", default="info"),
        Key("services", ListOf(SERVICES, empty=False), "Services, with `*` and `?`; left out, all."),
    ),
    build=_rule,
)


def _notify(given: Given) -> object:
    channels = tuple(c for c in items(given.values.get("channels")) if isinstance(c, ChannelSettings))
    rules = tuple(r for r in items(given.values.get("rules")) if isinstance(r, Rule))
    known = given.node.entries.get("channels")
    names = tuple(known.node.entries) if known is not None and isinstance(known.node, MapNode) else ()
    for name in sorted({name for rule in rules for name in rule.channels} - set(names)):
        hint = f"channels are {', '.join(names)}" if names else "write it below `channels`"
        given.wrong("rules", "not_allowed", f"there is no channel `{name}`", hint)
    made = NotifySettings(channels, rules)
    return msgspec.structs.replace(
        made,
        stuck_seconds=given.values.get("stuckAfter", made.stuck_seconds),
        link_seconds=given.values.get("linkExpiry", made.link_seconds),
    )


NOTIFY = Keys(
    title="Notify",
    doc="Who is told what, and by which channel. See [notifications](notifications.md).",
    keys=(
        Key("channels", Named(CHANNEL), "Channels by names of your own."),
        Key("rules", ListOf(NOTIFY_RULE), "Which [notices](#rules) go where."),
        Key(
            "stuckAfter", Duration(least=60.0, most=7 * 86_400.0),
            "A rollout that has not moved for so long outside a wait is told of as stuck.", default="15m",
        ),
        Key(
            "linkExpiry", Duration(least=60.0, most=7 * 86_400.0),
            "An approval link is good for so long, or until the time to answer is over.", default="24h",
        ),
    ),
    build=_notify,
)  # fmt: skip
NOTIFY_SECTIONS: tuple[Keys, ...] = (NOTIFY, CHANNEL, WEBHOOK, SLACK, EMAIL, APPRISE, APPROVER, NOTIFY_RULE)
"""What the reference has a heading for."""
