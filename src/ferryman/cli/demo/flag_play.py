"""Playing the acts of `ferry demo --flags` for real: a controller, Envoy, a shop with flags in it, and shoppers."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ferryman.api.access.wire import TokenRequest
from ferryman.api.flags.wire import FlagsRequest
from ferryman.cli.demo.flag_script import RATE_PER_SECOND, USERS, flag_file, flags_file, shop_file
from ferryman.cli.demo.play import ACTOR, LOOK_SECONDS, SETTLE_SECONDS, Look, Stage
from ferryman.cli.demo.script import CONNECTIONS, Act
from ferryman.cli.flag_calls import FlagCalls
from ferryman.demo.load import LoadReport, report_between
from ferryman.model.errors import ControllerError
from ferryman.model.view import RolloutView

SEEN_SECONDS = 15.0
"""So long after the verdict every instance has seen that nobody is exposed."""


@dataclass(frozen=True)
class FlagResult:
    """What became of one flag, as shoppers, instances and controller saw it. Seconds; counts of requests and people.
    `off_seconds` is the time from the verdict until the last instance served it to nobody."""

    flag: str
    outcome: str
    expected: str
    client_requests: int
    client_failures: int
    met_requests: int
    met_errors: int
    met_users: int
    max_exposure_percent: float
    seconds: float
    off_seconds: float | None
    reason: str

    @property
    def as_expected(self) -> bool:
        """The outcome is right, no request failed but by the change itself, and every instance saw the way back."""
        seen = self.off_seconds is not None or self.outcome == "promoted"
        return self.outcome == self.expected and self.client_failures == 0 and seen

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "flag": self.flag,
            "outcome": self.outcome,
            "client_requests": self.client_requests,
            "client_failures": self.client_failures,
            "met_requests": self.met_requests,
            "met_errors": self.met_errors,
            "met_users": self.met_users,
            "max_exposure_percent": self.max_exposure_percent,
            "seconds": round(self.seconds, 2),
            "off_seconds": None if self.off_seconds is None else round(self.off_seconds, 3),
            "reason": self.reason,
        }


class FlagStage(Stage):
    """The shop is released once; then flags are. Its client is many shoppers, each with a cookie of their own."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        super().__init__(folder, say)
        self._changes = folder / "changes"

    def open(self) -> None:
        """Start the controller, write the flags, and make the token that the shop asks with."""
        super().open()
        calls = FlagCalls(self.client, ACTOR)
        document = flags_file(dt.datetime.now(dt.UTC).date())
        (self.folder / "flags.yaml").write_text(document, encoding="utf-8")
        calls.write(FlagsRequest(document, calls.seen(), actor=ACTOR))
        made = self.client.create_token(TokenRequest("shop", program="server", environment="prod"))
        self._token_file.touch(mode=0o600)
        self._token_file.write_text(made.token, encoding="utf-8")
        self._changes.mkdir(exist_ok=True)

    @property
    def _token_file(self) -> Path:
        return self.folder / "shop.token"

    def document(self, act: Act) -> str:
        """The release file of the shop."""
        url = self.url
        if url is None:
            hint = "end it, or name another folder by --folder"
            raise ControllerError("demo_port", "the controller of this folder listens on no port", hint)
        return shop_file(sys.executable, self.port, url, str(self._token_file), str(self._changes))

    def load_options(self) -> list[str]:
        """Shoppers, and what they do."""
        return [
            "--rate", f"{RATE_PER_SECOND:g}", "--connections", str(CONNECTIONS),
            "--users", str(USERS), "--path", "/checkout",
        ]  # fmt: skip

    def release_flag(self, act: Act, look: Look) -> FlagResult:
        """Carry the release of one flag to its end under the stream of requests."""
        before = self.snapshot()
        began = time.monotonic()
        view = self.release(act.version, flag_file(act), f"{act.version}.yaml", look)
        seconds = time.monotonic() - began
        rollout = view.rollout
        assert rollout is not None
        off_seconds = self._off_seconds(act.version, rollout)
        time.sleep(SETTLE_SECONDS)
        after = self.snapshot()
        assert before is not None
        assert after is not None
        report = report_between(before, after)
        mine = report.versions.get(act.version)
        return FlagResult(
            flag=act.version,
            outcome=rollout.phase,
            expected=act.expected,
            client_requests=report.requests,
            client_failures=report.client_failures,
            met_requests=mine.requests if mine else 0,
            met_errors=mine.app_errors if mine else 0,
            met_users=users_met(report, act.version),
            max_exposure_percent=rollout.max_exposure_percent,
            seconds=seconds,
            off_seconds=off_seconds,
            reason=rollout.cause_reason or rollout.reason,
        )

    def _off_seconds(self, flag: str, rollout: RolloutView) -> float | None:
        ordered = [e.at for e in self.client.events(flag, rollout=rollout.id).events if e.kind == "back_ordered"]
        if not ordered:
            return None
        deadline = time.monotonic() + SEEN_SECONDS
        while time.monotonic() < deadline:
            seen = [turned_off(read_changes(file), flag, ordered[-1]) for file in self._changes.glob("*.jsonl")]
            if seen and all(seen):
                return max(at for at in seen if at is not None) - ordered[-1]
            time.sleep(LOOK_SECONDS)
        return None


def users_met(report: LoadReport, version: str) -> int:
    """How many users came to meet a version."""
    return sum(count for move, count in report.moves.items() if move.rpartition(">")[2] == version)


def read_changes(file: Path) -> Iterator[tuple[float, dict[str, bool]]]:
    """What one instance saw change: when (epoch seconds), and what those who work here met then. A line that is not whole
    yet is left out."""
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            change = json.loads(line)
            yield float(change["at"]), change["staff_meet"]
        except (ValueError, KeyError):
            continue


def turned_off(changes: Iterator[tuple[float, dict[str, bool]]], flag: str, since: float) -> float | None:
    """When an instance first saw, after `since`, that a flag is served to nobody."""
    return next((at for at, meet in changes if at >= since and meet.get(flag) is False), None)
