"""Everything that may happen to a simulation from outside, as plain values: what people ask and what goes wrong.

A run is its seed and a list of these. They can be written down, read back and left out one by one.
"""

from __future__ import annotations

import msgspec

from ferryman.sim.points import Fate
from ferryman.sim.shapes import Shape


class Deploy(msgspec.Struct, frozen=True, omit_defaults=True, tag="deploy", tag_field="do"):
    """Somebody deploys."""

    at: float
    shape: Shape


class Ask(msgspec.Struct, frozen=True, omit_defaults=True, tag="ask", tag_field="do"):
    """Somebody asks for a verb: promote, promote --full, pause, resume, abort, retry, undo, restart, drill, drill N%, down,
    or those of `sim.asking`: approve WHO, deny WHO, freeze SECONDS, unfreeze.
    `controller` None: that of the lease; any other is asked directly."""

    at: float
    verb: str
    controller: int | None = None


class Kill(msgspec.Struct, frozen=True, omit_defaults=True, tag="kill", tag_field="do"):
    """The controller that next comes to `point` ("": any) dies there, and is started again `down` seconds later."""

    at: float
    point: str = ""
    controller: int | None = None
    down: float = 1.0


class Freeze(msgspec.Struct, frozen=True, omit_defaults=True, tag="freeze", tag_field="do"):
    """The controller that next comes to `point` stands still there for so many seconds."""

    at: float
    seconds: float
    point: str = ""
    controller: int | None = None


class Spoil(msgspec.Struct, frozen=True, omit_defaults=True, tag="spoil", tag_field="do"):
    """The next call at `point` meets this fate."""

    at: float
    point: str
    fate: Fate
    controller: int | None = None


class Outage(msgspec.Struct, frozen=True, omit_defaults=True, tag="outage", tag_field="do"):
    """`part` (log, fleet, plane or metrics) does not answer for so long. For metrics `how` may be another way to be
    wrong: zero, huge, repeat, late."""

    at: float
    part: str
    seconds: float
    how: str = "error"


class Refuse(msgspec.Struct, frozen=True, omit_defaults=True, tag="refuse", tag_field="do"):
    """The data plane refuses every table for so long."""

    at: float
    seconds: float


class Slow(msgspec.Struct, frozen=True, omit_defaults=True, tag="slow", tag_field="do"):
    """From now on the data plane takes so long to acknowledge."""

    at: float
    ack_seconds: float


class PlaneRestart(msgspec.Struct, frozen=True, omit_defaults=True, tag="plane_restart", tag_field="do"):
    """The data plane is away for so long and counts from nothing afterwards."""

    at: float
    seconds: float


class Crash(msgspec.Struct, frozen=True, omit_defaults=True, tag="crash", tag_field="do"):
    """So many live instances of a side (stable or candidate) end unasked."""

    at: float
    side: str
    count: int = 1


class Waver(msgspec.Struct, frozen=True, omit_defaults=True, tag="waver", tag_field="do"):
    """So many ready instances of a side fail their health check for a while."""

    at: float
    side: str
    seconds: float
    count: int = 1


class Skew(msgspec.Struct, frozen=True, omit_defaults=True, tag="skew", tag_field="do"):
    """The clock of a controller's machine is set off by so much; a running controller does not notice, the next one
    started there does."""

    at: float
    controller: int
    seconds: float


class Trouble(msgspec.Struct, frozen=True, omit_defaults=True, tag="trouble", tag_field="do"):
    """Users of every version meet `factor` times the errors for so long."""

    at: float
    seconds: float
    factor: float = 20.0


class Override(msgspec.Struct, frozen=True, omit_defaults=True, tag="override", tag_field="do"):
    """The flag is killed or no more (`kill`, `unkill`: by a person), tripped or no more (`trip`, `recover`: by a breaker)."""

    at: float
    how: str


AtPoint = Kill | Freeze | Spoil
Deed = (
    Deploy
    | Ask
    | Kill
    | Freeze
    | Spoil
    | Outage
    | Refuse
    | Slow
    | PlaneRestart
    | Crash
    | Waver
    | Skew
    | Trouble
    | Override
)


class Story(msgspec.Struct, frozen=True, omit_defaults=True):
    """A whole run: what it is repeated from. `fault_seconds` is when everything outside goes well again (the end of
    the last deed and its consequences), `rps` what users ask for."""

    seed: int
    deeds: tuple[Deed, ...]
    controllers: int = 2
    fault_seconds: float = 60.0
    rps: float = 60.0
    lease_seconds: float = 5.0
    note: str = ""


def write_story(story: Story) -> str:
    """Lines of JSON: the run itself, then one deed a line, in order of time."""
    head = msgspec.structs.replace(story, deeds=())
    lines = [msgspec.json.encode(head).decode(), *(msgspec.json.encode(deed).decode() for deed in story.deeds)]
    return "\n".join(lines) + "\n"


def read_story(text: str) -> Story:
    """The inverse. Lines that begin with # are for people. Raises `msgspec.DecodeError`."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    head = msgspec.json.decode(lines[0], type=_Head)
    deeds = tuple(msgspec.json.decode(line, type=Deed) for line in lines[1:])
    return Story(deeds=deeds, **{name: getattr(head, name) for name in _Head.__struct_fields__})


class _Head(msgspec.Struct, frozen=True):
    seed: int
    controllers: int = 2
    fault_seconds: float = 60.0
    rps: float = 60.0
    lease_seconds: float = 5.0
    note: str = ""
