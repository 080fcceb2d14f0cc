"""The ledger as bytes, and back: what is kept of it so that a start need not read every entry."""

from __future__ import annotations

import msgspec

from ferryman.flags.definition import Flag, Segment
from ferryman.flags.ledger import Done, Driver, Environment, Ledger, Override
from ferryman.flags.requests import Request, Requests

FORMAT = 2
"""To be raised when entries come to mean something else: what was kept is made anew then."""


class _Place(msgspec.Struct, frozen=True):
    """An environment without what follows from the rest of it."""

    name: str
    version: int
    flags: dict[str, Flag]
    segments: dict[str, Segment]
    versions: dict[str, int]
    overrides: dict[str, dict[str, Override]]
    history: dict[str, list[Done]]
    exposed: list[str]
    drivers: dict[str, dict[str, Driver]]


class _Kept(msgspec.Struct, frozen=True):
    maker: str
    format: int
    version: int
    environments: list[_Place]
    requests: list[Request]


def encode(ledger: Ledger, maker: str) -> bytes:
    """As JSON. `maker` names the program: another one reads the entries."""
    places = [
        _Place(
            name=each.name,
            version=each.version,
            flags=each.flags,
            segments=each.segments,
            versions=each.versions,
            overrides=each.overrides,
            history=each.history,
            exposed=sorted(each.exposed),
            drivers=each.drivers,
        )
        for each in ledger.environments.values()
    ]
    return msgspec.json.encode(_Kept(maker, FORMAT, ledger.version, places, list(ledger.requests.known.values())))


def decode(body: bytes, maker: str) -> Ledger | None:
    """None for what another program made, or is no ledger."""
    try:
        kept = msgspec.json.decode(body, type=_Kept)
    except msgspec.DecodeError:
        return None
    if (kept.maker, kept.format) != (maker, FORMAT):
        return None
    requests = Requests()
    requests.known = {request.number: request for request in kept.requests}
    return Ledger(kept.version, {place.name: _environment(place) for place in kept.environments}, requests)


def _environment(place: _Place) -> Environment:
    made = Environment(
        name=place.name,
        version=place.version,
        flags=place.flags,
        segments=place.segments,
        versions=place.versions,
        overrides=place.overrides,
        history=place.history,
        exposed=set(place.exposed),
        drivers=place.drivers,
    )
    for key, segment in place.segments.items():
        made.uses.put_segment(key, segment)
    for key, flag in place.flags.items():
        made.uses.put_flag(key, flag)
    return made
