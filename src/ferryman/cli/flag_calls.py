"""What the commands below `ferry flags` ask of a controller."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ferryman.api.flags import wire
from ferryman.cli.client import Client
from ferryman.engine.flags.askers import AskerView
from ferryman.engine.flags.evaluations import VariantMinute
from ferryman.engine.flags.explain import Explanation
from ferryman.flags.board import FlagsBoard
from ferryman.flags.definition import FlagSet, Segment
from ferryman.flags.requests import RequestView
from ferryman.flags.views import DoneView, EnvironmentView, FlagsView, FlagView

READ_CHARACTERS_PER_SECOND = 20_000


class FlagCalls:
    """Calls of one controller about flags. Methods raise as those of `Client` do."""

    def __init__(self, client: Client, actor: str) -> None:
        self._client = client
        self._actor = actor

    def environments(self) -> tuple[EnvironmentView, ...]:
        """All of them."""
        return self._client.get("/v1/environments", tuple[EnvironmentView, ...])

    def board(self) -> FlagsBoard:
        """Every flag in every environment."""
        return self._client.get("/v1/flags", FlagsBoard)

    def evaluations(self, environment: str, key: str) -> tuple[VariantMinute, ...]:
        """How often each variant of one was given, of the last hour."""
        return self._client.get(_path(environment, key, "evaluations"), tuple[VariantMinute, ...])

    def askers(self, environment: str, key: str) -> tuple[AskerView, ...]:
        """Which programs evaluate one."""
        return self._client.get(_path(environment, key, "askers"), tuple[AskerView, ...])

    def seen(self) -> int:
        """The newest config version there is: what a write names as what it looked at."""
        return max((each.version for each in self.environments()), default=0)

    def flags(self, environment: str) -> FlagsView:
        """Those of one environment."""
        return self._client.get(_path(environment), FlagsView)

    def flag(self, environment: str, key: str) -> FlagView:
        """One of them."""
        return self._client.get(_path(environment, key), FlagView)

    def definitions(self, environment: str) -> FlagSet:
        """Everything in an environment as it was intended."""
        listed = self.flags(environment)
        flags = {each.key: self.flag(environment, each.key).definition for each in listed.flags}
        return FlagSet(flags, {key: Segment(key, when) for key, when in listed.segments.items()})

    def history(self, environment: str, key: str) -> tuple[DoneView, ...]:
        """Everything done to one."""
        return self._client.get(_path(environment, key, "history"), tuple[DoneView, ...])

    def version(self, environment: str, key: str, version: int) -> wire.FlagVersion:
        """One as it was written."""
        return self._client.get(_path(environment, key, "versions", str(version)), wire.FlagVersion)

    def plan(self, document: str, file: str, environments: tuple[str, ...]) -> wire.FlagsAnswer:
        """What a file would do."""
        asked = wire.FlagsPlanRequest(document, file, environments)
        return self._client.post("/v1/flags/plan", asked, wire.FlagsAnswer, _reading_seconds(document))

    def write(self, asked: wire.FlagsRequest) -> wire.FlagsAnswer:
        """Write a file."""
        return self._client.post("/v1/flags", asked, wire.FlagsAnswer, _reading_seconds(asked.document))

    def change(self, environment: str, key: str, asked: wire.FlagChange) -> wire.FlagsAnswer:
        """Turn one thing of a flag."""
        return self._client.post(_path(environment, key, "change"), asked, wire.FlagsAnswer)

    def revert(self, environment: str, key: str, asked: wire.FlagRevert) -> wire.FlagsAnswer:
        """Write one again as it was."""
        return self._client.post(_path(environment, key, "revert"), asked, wire.FlagsAnswer)

    def remove(self, environment: str, key: str, asked: wire.FlagRemoval) -> wire.FlagsAnswer:
        """Take one out of an environment."""
        return self._client.post(_path(environment, key, "remove"), asked, wire.FlagsAnswer)

    def override(self, environment: str, key: str, deed: str, reason: str) -> FlagView:
        """``kill`` or ``unkill``."""
        return self._client.post(_path(environment, key, deed), wire.FlagDeed(reason, self._actor), FlagView)

    def requests(self) -> tuple[RequestView, ...]:
        """Writes that wait for people, newest first."""
        return self._client.get("/v1/flags/requests", tuple[RequestView, ...])

    def answer(self, request: RequestView, deed: str, reason: str) -> RequestView:
        """``approve`` or ``deny`` what was looked at."""
        asked = wire.RequestAnswer(request.digest, reason, self._actor)
        return self._client.post(f"/v1/flags/requests/{request.number}/{deed}", asked, RequestView)

    def explain(self, environment: str, key: str, context: dict[str, Any]) -> Explanation:
        """What a flag serves to a user, and why."""
        return self._client.post(_path(environment, key, "explain"), wire.ContextRequest(context), Explanation)

    def served(self, environment: str) -> wire.FlagSetView:
        """An environment as programs get it."""
        return self._client.get("/v1/flags/definitions", wire.FlagSetView, {"environment": environment})


def _reading_seconds(document: str) -> float:
    """How long a controller that is busy may read a file beyond the usual."""
    return len(document) / READ_CHARACTERS_PER_SECOND


def _path(environment: str, *parts: str) -> str:
    return "/".join(("/v1/environments", quote(environment, safe=""), "flags", *(quote(p, safe="") for p in parts)))
