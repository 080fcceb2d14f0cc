"""Kinds with a form of their own: the command, paths, addresses, stickiness, testers and checks."""

from __future__ import annotations

import ipaddress
import shlex
from pathlib import PurePosixPath

import msgspec

from ferryman.model.checklist import QUESTIONS
from ferryman.model.release import Check, Route
from ferryman.spec.kinds import BAD, Choice, Duration, Kind, Schema, Text, Whole, items, scalar, wrong_type
from ferryman.spec.nodes import ListNode, MapNode, Node
from ferryman.spec.report import Report
from ferryman.spec.shapes import Given, Key, Keys, ListOf

COMMAND_WORDS_MAX = 1000
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"

HTTP_PATH = Text(
    label="path",
    pattern=r"/[!-~]*",
    rule="a path begins with `/` and has no spaces",
    most=2000,
    suggest=lambda text: f"did you mean `/{text.split('://')[-1].partition('/')[2] if '://' in text else text}`?",
)
WEBHOOK = Text(
    label="URL",
    pattern=r"https?://[^\s@/?#]+(?:[/?#][!-~]*)?",
    rule="http or https, without a name or password in it",
    most=2000,
)
HEADER_NAME = Text(label="header name", pattern=_TOKEN, rule="letters, digits and dashes", most=200)
COOKIE_NAME = Text(label="cookie name", pattern=_TOKEN, rule="letters, digits and dashes", most=200)
MATCH_VALUE = Text(label="text", pattern=r"[\t -~]+", rule="printable ASCII characters", most=1000)
_ROUTES = (("header", HEADER_NAME), ("cookie", COOKIE_NAME))


class Command(msgspec.Struct, frozen=True):
    """A command line, split as a shell splits words, or a list of words. No shell runs it."""

    label: str = "text or list of texts"

    def read(self, node: Node, path: str, report: Report) -> object:
        if isinstance(node, ListNode):
            return ListOf(Text(most=32_768), empty=False).read(node, path, report)
        text = Text(most=32_768).read(node, path, report)
        if not isinstance(text, str):
            return BAD
        try:
            words = tuple(shlex.split(text))
        except ValueError as error:
            hint = "close the quotation, or write the command as a list of words"
            report.wrong(node, path, "not_allowed", f"cannot be split into words: {error}", hint)
            return BAD
        if not words or not words[0] or len(words) > COMMAND_WORDS_MAX:
            message = f"has {len(words)} words, or an empty first one"
            report.wrong(node, path, "out_of_range", message, "name the program to run, then its arguments")
            return BAD
        return words

    def schema(self) -> Schema:
        text: Schema = {"type": "string", "minLength": 1}
        return {"anyOf": [text, {"type": "array", "items": text, "minItems": 1, "maxItems": COMMAND_WORDS_MAX}]}


class InsidePath(msgspec.Struct, frozen=True):
    """A path below the service's directory."""

    label: str = "relative path"

    def read(self, node: Node, path: str, report: Report) -> object:
        text = Text(most=1000).read(node, path, report)
        if not isinstance(text, str):
            return BAD
        parts = PurePosixPath(text)
        if parts.is_absolute() or ".." in parts.parts or text.startswith("~"):
            hint = "name files and folders below `run.directory`, such as app.py or templates"
            report.wrong(node, path, "not_allowed", "leads out of the directory of the service", hint)
            return BAD
        return str(parts)

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": 1000, "not": {"pattern": r"^[/~]|(^|/)\.\.(/|$)"}}


class Address(msgspec.Struct, frozen=True):
    """An address of this machine to listen on."""

    label: str = "IP address or `localhost`"

    def read(self, node: Node, path: str, report: Report) -> object:
        text = Text(most=60).read(node, path, report)
        if not isinstance(text, str):
            return BAD
        if text == "localhost":
            return "127.0.0.1"
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            hint = "the port is a key of its own" if ":" in text else "127.0.0.1 serves this machine only"
            report.wrong(node, path, "not_allowed", "is not an IP address", hint)
            return BAD

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": 60}


class Sticky(msgspec.Struct, frozen=True):
    """`cookie`, or the header whose value keeps a user on one side."""

    label: str = "`cookie` or `{header: NAME}`"

    def read(self, node: Node, path: str, report: Report) -> object:
        if scalar(node) == "cookie":
            return "cookie"
        if isinstance(node, MapNode):
            return _STICKY_HEADER.read(node, path, report)
        return wrong_type(node, path, report, self.label, "write `cookie`, or `{header: X-User-Id}`")

    def schema(self) -> Schema:
        return {"anyOf": [{"const": "cookie"}, _STICKY_HEADER.schema()]}


def _sticky(given: Given) -> object:
    name = given.values.get("header", BAD)
    if name == "cookie":  # the model tells cookie and header apart by this word; header names have no case
        return "Cookie"
    return name


_STICKY_HEADER = Keys(
    title="Sticky header",
    doc="",
    keys=(Key("header", HEADER_NAME, "Header whose value decides the side.", required=True),),
    build=_sticky,
)


def _route(given: Given) -> object:
    for kind, _ in _ROUTES:
        if kind in given.values:
            value = given.values.get("value")
            return Route(kind, str(given.values[kind]), None if value is None else str(value))
    return BAD


TESTER = Keys(
    title="Testers",
    doc="Requests that meet the candidate for the whole rollout, whatever its weight.",
    keys=(
        Key("header", HEADER_NAME, "Requests with this header."),
        Key("cookie", COOKIE_NAME, "Requests with this cookie."),
        Key("value", MATCH_VALUE, "Only with exactly this value. Left out: any value."),
    ),
    exclusive=(("header",), ("cookie",)),
    one_of=True,
    build=_route,
)


class RouteStep(msgspec.Struct, frozen=True):
    """The value of a `header` or `cookie` step: `{name, value}`, or `{}` to take all such routes back."""

    kind: str
    name: Kind
    label: str = "`{name: …, value: …}` or `{}`"

    def read(self, node: Node, path: str, report: Report) -> object:
        if not isinstance(node, MapNode):
            return wrong_type(
                node, path, report, "a mapping", "write `{name: …, value: …}`, or `{}` to end all of them"
            )
        if not node.entries:
            return Route(self.kind)
        return self._keys().read(node, path, report)

    def _keys(self) -> Keys:
        return Keys(
            title=f"{self.kind} step",
            doc="",
            keys=(
                Key("name", self.name, f"Name of the {self.kind}.", required=True),
                Key("value", MATCH_VALUE, "Only with exactly this value. Left out: any value."),
            ),
            build=self._build,
        )

    def _build(self, given: Given) -> object:
        name, value = given.values.get("name"), given.values.get("value")
        return BAD if name is None else Route(self.kind, str(name), None if value is None else str(value))

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "object", "maxProperties": 0}, self._keys().schema()]}


def _check(given: Given) -> object:
    for name in ("expectStatus", "expectText"):
        if given.has("command") and given.has(name):
            given.wrong(
                name, "not_allowed", f"`{name}` needs `http`: a command has only its exit code", f"delete `{name}`"
            )
        if given.has("webhook") and given.has(name):
            given.wrong(
                name, "not_allowed", f"`{name}` needs `http`: a webhook decides by its own status", f"delete `{name}`"
            )
    values = given.values
    wanted = values.get("checklist")
    if given.lacks("name") and not given.has("checklist"):
        given.missing("name", "`name` is missing", "What messages call it. Add `name:`.")
    name = values.get("name", wanted)
    if name is None:
        return BAD
    status, text, timeout = values.get("expectStatus"), values.get("expectText"), values.get("timeout", 30.0)
    return Check(
        name=str(name),
        http_path=str(values["http"]) if "http" in values else None,
        expect_status=status if isinstance(status, int) else None,
        expect_text=str(text) if text is not None else None,
        command=tuple(str(word) for word in items(values.get("command"))),
        timeout_seconds=timeout if isinstance(timeout, float) else 30.0,
        checklist=None if wanted is None else str(wanted),
        webhook=str(values["webhook"]) if "webhook" in values else None,
    )


CHECK = Keys(
    title="Checks",
    doc=(
        "A check asks one question of a version, once: an HTTP request to it, a command that must exit 0, an item of "
        "the checklist that must hold, or a webhook that decides. A webhook is sent JSON that tells the rollout, its step and the numbers of the judge. A command "
        "finds `PREVIEW_URL` and `FERRYMAN_REVISION` in its environment."
    ),
    keys=(
        Key(
            "name",
            Text(most=60, pattern=r"[\w .:/-]+", rule="letters, digits, spaces and . : / - _"),
            "What messages call it. An item of the checklist has its own.",
        ),
        Key("http", HTTP_PATH, "Path to request; 2xx is a pass."),
        Key("command", Command(), "Command to run instead; exit code 0 is a pass."),
        Key("checklist", Choice(tuple(QUESTIONS)), "Item of the [checklist](#checklist) that must hold instead."),
        Key(
            "webhook",
            WEBHOOK,
            "URL that decides instead: 2xx is a pass, 202 is asked again, any other answer is a fail.",
        ),
        Key("expectStatus", Whole(100, 599), "This status instead of any 2xx."),
        Key("expectText", Text(most=10_000), "The answer must hold this text."),
        Key("timeout", Duration(above=True, most=3600.0), "Not done in this time is a fail.", default="30s"),
    ),
    exclusive=(("http",), ("command",), ("checklist",), ("webhook",)),
    one_of=True,
    build=_check,
)


class Checks(msgspec.Struct, frozen=True):
    """A list of checks with names of their own."""

    label: str = "list of [checks](#checks)"

    def read(self, node: Node, path: str, report: Report) -> object:
        checks = ListOf(CHECK).read(node, path, report)
        if checks is BAD or not isinstance(node, ListNode):
            return BAD
        names: set[str] = set()
        for number, check in enumerate(items(checks)):
            if isinstance(check, Check) and check.name in names:
                message = f"a check before it has the name `{check.name}` too"
                hint = "give each check a name of its own"
                report.add(node.items[number].mark, f"{path}[{number}].name", check.name, "not_allowed", message, hint)
            elif isinstance(check, Check):
                names.add(check.name)
        return checks

    def schema(self) -> Schema:
        return ListOf(CHECK).schema()
