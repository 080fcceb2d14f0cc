"""The keys of release windows: days, times, zones, holidays and closed dates."""

from __future__ import annotations

import re
from datetime import date

import msgspec

from ferryman.model.calendar import EVERY_DAY, Window, Windows, Zone
from ferryman.spec.calendars import holidays_of, zone_names, zone_of
from ferryman.spec.kinds import BAD, Kind, Schema, Text, items, wrong_type
from ferryman.spec.nodes import ListNode, Node, ScalarNode
from ferryman.spec.report import Report, did_you_mean
from ferryman.spec.shapes import Given, Key, Keys, ListOf

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS = "|".join(DAYS)
_SPAN = re.compile(f"({_DAYS})(?:-({_DAYS}))?")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")


class Days(msgspec.Struct, frozen=True):
    """`mon-fri`, `sat`, or a list of such; a span may go over the end of the week."""

    label: str = "`mon-fri`, `sat`, or a list of such"

    def read(self, node: Node, path: str, report: Report) -> object:
        parts = node.items if isinstance(node, ListNode) else [node]
        found: set[int] = set()
        for number, part in enumerate(parts):
            span = _SPAN.fullmatch(part.text.casefold()) if isinstance(part, ScalarNode) else None
            if span is None:
                where = f"{path}[{number}]" if isinstance(node, ListNode) else path
                return wrong_type(
                    part, where, report, "a day of the week", f"days are {', '.join(DAYS)}; spans mon-fri"
                )
            first, last = DAYS.index(span.group(1)), DAYS.index(span.group(2) or span.group(1))
            found |= {(first + n) % 7 for n in range((last - first) % 7 + 1)}
        if not found:
            return wrong_type(node, path, report, "a day of the week", "delete the key to mean every day")
        return tuple(sorted(found))

    def schema(self) -> Schema:
        one: Schema = {"type": "string", "pattern": f"^({_DAYS})(-({_DAYS}))?$"}
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": 7}]}


class Clock(msgspec.Struct, frozen=True):
    """A time of the day, as minutes since midnight."""

    label: str = "time such as `09:00`"

    def read(self, node: Node, path: str, report: Report) -> object:
        text = node.text if isinstance(node, ScalarNode) else ""
        found = _TIME.fullmatch(text)
        if found is None:
            return wrong_type(
                node, path, report, "a time of the day", "write hours and minutes, such as 09:00 or 24:00"
            )
        return int(text[:2]) * 60 + int(text[3:])

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^({_TIME.pattern})$"}


class ZoneName(msgspec.Struct, frozen=True):
    """An IANA time zone."""

    label: str = "IANA time zone"

    def read(self, node: Node, path: str, report: Report) -> object:
        text = Text(most=60).read(node, path, report)
        if not isinstance(text, str):
            return BAD
        zone = zone_of(text)
        if zone is None:
            hint = (
                did_you_mean(text, zone_names()) if zone_names() else "this machine has no time zones: install tzdata"
            )
            report.wrong(node, path, "not_allowed", "is no time zone", hint)
            return BAD
        return zone

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": 60}


class Place(msgspec.Struct, frozen=True):
    """A country, or a part of one, whose public holidays are known."""

    label: str = "country such as `AT` or `DE-BY`"

    def read(self, node: Node, path: str, report: Report) -> object:
        text = Text(most=10, pattern=r"[A-Z]{2}(-[A-Z0-9]{1,4})?", rule="a country code, perhaps with a part").read(
            node, path, report
        )
        if not isinstance(text, str):
            return BAD
        found = holidays_of(text)
        if found is None:
            hint = "write the ISO 3166 code of the country, such as AT, perhaps with its part, such as DE-BY"
            report.wrong(node, path, "not_allowed", "has no holidays that are known here", hint)
            return BAD
        return found

    def schema(self) -> Schema:
        return {"type": "string", "pattern": "^[A-Z]{2}(-[A-Z0-9]{1,4})?$"}


class Day(msgspec.Struct, frozen=True):
    """A date, as its ordinal."""

    label: str = 'date such as `"2026-12-24"`'

    def read(self, node: Node, path: str, report: Report) -> object:
        try:
            return date.fromisoformat(node.text if isinstance(node, ScalarNode) else "").toordinal()
        except ValueError:
            return wrong_type(node, path, report, "a date", 'write year, month and day in quotes: "2026-12-24"')

    def schema(self) -> Schema:
        return {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


class OneOrMore(msgspec.Struct, frozen=True):
    """A value, or a list of such."""

    item: Kind

    @property
    def label(self) -> str:
        return f"{self.item.label}, or a list"

    def read(self, node: Node, path: str, report: Report) -> object:
        if isinstance(node, ListNode):
            return ListOf(self.item).read(node, path, report)
        value = self.item.read(node, path, report)
        return BAD if value is BAD else (value,)

    def schema(self) -> Schema:
        return {"anyOf": [self.item.schema(), ListOf(self.item).schema()]}


def _window(given: Given) -> object:
    days, start, end = (given.values.get(name) for name in ("days", "from", "to"))
    if start is not None and start == end:
        given.wrong("to", "out_of_range", "the window ends as it begins", "leave both out to mean the whole day")
    return Window(
        days=tuple(int(str(day)) for day in items(days)) or EVERY_DAY,
        from_minute=start if isinstance(start, int) else 0,
        to_minute=end if isinstance(end, int) else 1440,
    )


WINDOW = Keys(
    title="Window",
    doc="Open on these days, from time to time. An end before the beginning is of the day after.",
    keys=(
        Key("days", Days(), "On which days it begins. Left out: every day."),
        Key("from", Clock(), "When it begins.", default="00:00"),
        Key("to", Clock(), "When it ends.", default="24:00"),
    ),
    build=_window,
)


def _windows(given: Given) -> object:
    values = given.values
    zone = values.get("zone")
    places = items(values.get("holidays"))
    dates = {day for place in places for day in items(place)}
    return Windows(
        zone=zone if isinstance(zone, Zone) else Zone(),
        open=tuple(w for w in items(values.get("open")) if isinstance(w, Window)),
        off_hours=tuple(w for w in items(values.get("offHours")) if isinstance(w, Window)),
        closed=tuple(sorted({int(str(day)) for day in items(values.get("closed"))})),
        holidays=msgspec.convert(sorted(dates, key=str), type=tuple[tuple[int, str], ...]),
    )


WINDOWS = Keys(
    title="Windows",
    doc=(
        "When more users may meet the new version. Outside the release waits where it is; going back is never held, and "
        "an emergency does not wait."
    ),
    keys=(
        Key("zone", ZoneName(), "Where days and times are told.", default="UTC"),
        Key("open", ListOf(WINDOW), "When exposure may grow. Left out: at any time.", default=[]),
        Key(
            "offHours", ListOf(WINDOW), "The same for releases at risk: `risk: high`, or the strategy `recreate`.", default=[]
        ),
        Key("holidays", OneOrMore(Place()), "Public holidays on which nothing grows.", default=[]),
        Key("closed", ListOf(Day()), "Dates on which nothing grows.", default=[]),
    ),
    build=_windows,
)  # fmt: skip
