"""Every key of a controller's settings file, once: parsing, JSON Schema and reference are made from this table."""

from __future__ import annotations

import ipaddress
import re

import msgspec

from ferryman.flags.definition import ENVIRONMENT_PATTERN
from ferryman.model.role import Role
from ferryman.model.settings import LOOPBACK_HOSTS, FlagApproval, Flagd, Listen, Oidc, RoleRule, Sessions, Tls
from ferryman.spec.evidence_source import PROMETHEUS_SERVER
from ferryman.spec.flag_kinds import Named
from ferryman.spec.flag_table import ENVIRONMENT_RULE
from ferryman.spec.kinds import BAD, Choice, Duration, Flag, Schema, Text, Whole, items
from ferryman.spec.nodes import Node
from ferryman.spec.notify_table import NOTIFY
from ferryman.spec.report import Report
from ferryman.spec.secret import SecretPlace
from ferryman.spec.shapes import Given, Key, Keys, ListOf
from ferryman.spec.table import SERVICE_PATTERN

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
PATH = Text(label="path", most=1000)
URL = Text(
    label="URL", pattern=rf"https?://{_HOST}/?", rule="a scheme, a name and perhaps a port: https://ferry.example.com"
)
ISSUER = Text(
    label="URL",
    pattern=rf"https?://{_HOST}(?:/[!-~]*)?",
    rule="the provider's own name, such as https://accounts.example.com",
)
SERVICE_OR_ALL = Text(label="name", pattern=rf"\*|{SERVICE_PATTERN}", rule="the name of a service, or `*`")


class ListenAddress(msgspec.Struct, frozen=True):
    """`ADDRESS:PORT`."""

    label: str = "`ADDRESS:PORT`"

    def read(self, node: Node, path: str, report: Report) -> object:
        text = Text(most=60).read(node, path, report)
        if not isinstance(text, str):
            return BAD
        found = parse_listen(text)
        if found is None:
            hint = "127.0.0.1:7300 serves this machine only, 0.0.0.0:7300 all that can reach it"
            report.wrong(node, path, "not_allowed", "is no IP address with a port", hint)
            return BAD
        return found

    def schema(self) -> Schema:
        return {"type": "string", "pattern": "^.*:[0-9]{1,5}$", "maxLength": 60}


def parse_listen(text: str) -> Listen | None:
    """`127.0.0.1:7300`, `[::1]:7300`, `localhost:7300` or `:7300` (loopback); None for what is none of them."""
    host, colon, port = text.rpartition(":")
    host = "127.0.0.1" if host in {"", "localhost"} else host.removeprefix("[").removesuffix("]")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65_535:
        return None
    try:
        return Listen(str(ipaddress.ip_address(host)), int(port))
    except ValueError:
        return None


def _tls(given: Given) -> object:
    cert, key = given.values.get("cert"), given.values.get("key")
    return BAD if cert is None or key is None else Tls(str(cert), str(key))


TLS = Keys(
    title="TLS",
    doc="Serve HTTPS. The files are read at the start.",
    keys=(
        Key("cert", PATH, "Certificate with its chain, in PEM, seen from this file.", required=True),
        Key("key", PATH, "Its private key, in PEM, without a passphrase.", required=True),
    ),
    build=_tls,
)


def _sessions(given: Given) -> object:
    values = given.values
    lifetime, idle = values.get("lifetime", Sessions().lifetime_seconds), values.get("idle", Sessions().idle_seconds)
    if not isinstance(lifetime, float) or not isinstance(idle, float):
        return BAD
    if given.has("idle") and idle > lifetime:
        given.wrong("idle", "out_of_range", "a session cannot be idle for longer than it lasts", "lower `idle`")
    return Sessions(lifetime, min(idle, lifetime))


_LONGEST = 31 * 86_400.0
SESSIONS = Keys(
    title="Sessions",
    doc="How long a browser stays signed in.",
    keys=(
        Key("lifetime", Duration(least=60.0, most=_LONGEST), "However busy it is.", default="12h"),
        Key("idle", Duration(least=60.0, most=_LONGEST), "Without a request.", default="1h"),
    ),
    build=_sessions,
)


def _rule(given: Given) -> object:
    values = given.values
    if not {"claim", "value", "role"} <= values.keys():
        return BAD
    return RoleRule(str(values["claim"]), str(values["value"]), str(values["role"]), str(values.get("service", "*")))


RULE = Keys(
    title="Roles",
    doc="Rules from what the provider says of a person to roles here. All that fit count; who fits none cannot sign in.",
    keys=(
        Key("claim", Text(most=200), "Claim of the ID token, such as `groups` or `email`.", required=True),
        Key("value", Text(most=1000), "The claim is this, or is a list with it.", required=True),
        Key("role", Choice(tuple(role.value for role in Role)), "The role this gives.", required=True),
        Key("service", SERVICE_OR_ALL, "For this service; left out, for all.", default="*"),
    ),
    build=_rule,
)


def _oidc(given: Given) -> object:
    values = given.values
    issuer = str(values.get("issuer", ""))
    host = re.sub(r":[0-9]+$", "", issuer.removeprefix("http://").partition("/")[0])
    if issuer.startswith("http://") and host not in LOOPBACK_HOSTS:
        given.wrong(
            "issuer", "not_allowed", "without TLS anybody on the way could answer for the provider", "use https"
        )
    scopes = items(values.get("scopes")) or Oidc("", "", ()).scopes
    if given.has("scopes") and "openid" not in scopes:
        given.wrong(
            "scopes", "not_allowed", "`openid` is not among the scopes", "add `openid`: it asks for the ID token"
        )
    if not {"issuer", "clientId", "roles"} <= values.keys():
        return BAD
    plain = Oidc(issuer, str(values["clientId"]), ())
    return msgspec.structs.replace(
        plain,
        roles=tuple(rule for rule in items(values["roles"]) if isinstance(rule, RoleRule)),
        client_secret=values.get("clientSecret"),
        scopes=tuple(str(scope) for scope in scopes),
        name_claim=str(values.get("nameClaim", plain.name_claim)),
        leeway_seconds=values.get("leeway", plain.leeway_seconds),
    )


OIDC = Keys(
    title="OIDC",
    doc=(
        "Sign-in with an OpenID Connect provider: authorization code with PKCE. Register `PUBLIC-URL/v1/oidc/callback` as "
        "the place to come back to. Needs `publicUrl`."
    ),
    keys=(
        Key("issuer", ISSUER, "The provider; it must answer at `/.well-known/openid-configuration`.", required=True),
        Key("clientId", Text(most=1000), "What the provider calls this controller.", required=True),
        Key("clientSecret", SecretPlace(), "Left out, the client is a public one."),
        Key(
            "scopes", ListOf(Text(pattern=r"[!#-\[\]-~]+", rule="no spaces", most=200), empty=False),
            "What is asked for.", default=["openid", "profile", "email"],
        ),
        Key("nameClaim", Text(most=200), "Claim that names the person in the log; `sub` where it is missing.", default="email"),
        Key("leeway", Duration(most=600.0), "By how much clocks may differ.", default="60s"),
        Key("roles", ListOf(RULE, empty=False), "Who gets which [role](#roles).", required=True),
    ),
    build=_oidc,
)  # fmt: skip


def _flag_approval(given: Given) -> object:
    count, role = given.values.get("count", 1), given.values.get("role", Role.OPERATOR.value)
    known = all(name in given.values for name in given.node.entries)
    return FlagApproval("", count, str(role)) if known and isinstance(count, int) else BAD


def _of_environment(name: str, approval: object) -> object:
    assert isinstance(approval, FlagApproval), "what `_flag_approval` makes"
    return msgspec.structs.replace(approval, environment=name)


FLAG_APPROVAL = Keys(
    title="Flag approvals",
    doc="Who must agree before flags of an environment are written. The author does not count, and a kill does not wait.",
    keys=(
        Key("count", Whole(1, 20), "So many people.", default=1),
        Key("role", Choice((Role.OPERATOR.value, Role.ADMIN.value)), "Of this role, or above.", default="operator"),
    ),
    build=_flag_approval,
)


def _flagd(given: Given) -> object:
    values = given.values
    evaluation, sync = values.get("evaluation"), values.get("sync")
    return Flagd(
        evaluation if isinstance(evaluation, Listen) else None,
        sync if isinstance(sync, Listen) else None,
        values.get("anonymous") is True,
    )


FLAGD = Keys(
    title="Flagd",
    doc="Answer [clients of flagd](flagd.md) by gRPC, with the TLS of this controller, if it has it. Needs the extra `flagd`.",
    keys=(
        Key("evaluation", ListenAddress(), "For those that let flags be evaluated here; they expect port 8013. Left out: not."),
        Key("sync", ListenAddress(), "For those that evaluate in their own process; they expect port 8015. Left out: not."),
        Key(
            "anonymous", Flag(),
            "`true`: they need no token. For loopback alone, where their plain connections cannot carry one.",
            default=False,
        ),
    ),
    build=_flagd,
)  # fmt: skip
FLAGS = Keys(
    title="Flags",
    doc="How feature flags are written and served, and what their breakers ask.",
    keys=(
        Key(
            "approvals",
            Named(FLAG_APPROVAL, _of_environment, ENVIRONMENT_PATTERN, ENVIRONMENT_RULE, "environment", 100),
            FLAG_APPROVAL.doc,
            "flag_approvals",
        ),
        Key("flagd", FLAGD, FLAGD.doc),
        Key("prometheus", PROMETHEUS_SERVER, "Whom breakers with a `query` ask.", "flag_prometheus"),
    ),
)

SETTINGS = Keys(
    title="Settings",
    doc="How a controller is reached, and by whom.",
    keys=(
        Key("listen", ListenAddress(), "Answer over TCP too. Left out, over the unix socket alone."),
        Key("publicUrl", URL, "How browsers and other machines reach it, if by another name, such as that of a proxy."),
        Key(
            "insecureHttp", Flag(),
            "`true`: listen beyond loopback without TLS. For a proxy in front that has it; tokens pass readable.",
            default=False,
        ),
        Key(
            "connectionsPerAddress", Whole(1, 20_000),
            "So many connections one address may have open. Left out, 512 for another machine, and none of its own for "
            "this one, where a proxy speaks for everybody.",
        ),
        Key("tls", TLS, TLS.doc),
        Key("sessions", SESSIONS, SESSIONS.doc),
        Key("oidc", OIDC, OIDC.doc),
        Key("notify", NOTIFY, NOTIFY.doc),
        Key("flags", FLAGS, FLAGS.doc),
    ),
)  # fmt: skip
SECTIONS: tuple[Keys, ...] = (TLS, SESSIONS, OIDC, FLAGS, FLAG_APPROVAL, FLAGD, PROMETHEUS_SERVER)
"""What the reference has a heading for, in its order."""
