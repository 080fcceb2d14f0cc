"""What is asked of flags, as changes to them."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence

import msgspec

from ferryman.api.flags.wire import FlagChange, FlagsAnswer
from ferryman.engine.flags.service import FlagService, WriteResult
from ferryman.flags.check import Finding
from ferryman.flags.definition import DEFAULT_ENVIRONMENT, Flag
from ferryman.flags.drafting import Draft, changes_of
from ferryman.flags.ledger import Change
from ferryman.model.errors import Problem, SpecError, UsageError
from ferryman.spec.flags import FlagDocument, parse_flags

LARGE_CHARACTERS = 100_000
KEPT_SECONDS = 120.0


class Asked:
    """A flags file and where it is to count."""

    def __init__(self, document: FlagDocument, environments: Sequence[str]) -> None:
        self._document = document
        named = {name for flag in document.defined.flags.values() for name in flag.environments}
        self.environments = tuple(environments) or tuple(sorted(named | {DEFAULT_ENVIRONMENT}))
        self.changes = changes_of(document.defined, self.environments)

    def refuse(self, findings: Sequence[Finding]) -> SpecError:
        """Findings with their places."""
        return SpecError(self._document.problems(findings))

    def warnings(self) -> tuple[Problem, ...]:
        """What is allowed and likely not meant, as of today."""
        return self._document.warnings(dt.datetime.now(dt.UTC).date())


class Documents:
    """Reads flags files beside the loop: 10,000 flags take twenty seconds. So the last large one is kept for a while: who
    plans it most often writes it next."""

    def __init__(self) -> None:
        self._last: tuple[str, str, FlagDocument] | None = None
        self._forgetting: asyncio.TimerHandle | None = None

    async def read(self, text: str, file: str, environments: Sequence[str]) -> Asked:
        """Raises `SpecError`."""
        if self._last is not None and self._last[:2] == (text, file):
            document = self._last[2]
        else:
            document = await asyncio.to_thread(parse_flags, text, file)
            if len(text) >= LARGE_CHARACTERS:
                self._keep((text, file, document))
        return await asyncio.to_thread(Asked, document, environments)

    def _keep(self, last: tuple[str, str, FlagDocument]) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
        self._last = last
        self._forgetting = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._forget)

    def _forget(self) -> None:
        self._last = self._forgetting = None


def turned(flag: Flag, change: FlagChange) -> Flag:
    """A flag with one thing changed. Raises `UsageError` (``no_rollout``, ``bad_request``)."""
    if change.exposure_percent is None and change.enabled is None:
        raise UsageError("bad_request", "nothing is to change", "give exposure_percent or enabled")
    after = flag if change.enabled is None else msgspec.structs.replace(flag, enabled=change.enabled)
    if change.exposure_percent is None:
        return after
    if flag.rollout is None:
        raise UsageError("no_rollout", f"{flag.key!r} has no rollout", "give it one in its definition")
    rollout = msgspec.structs.replace(flag.rollout, exposure_percent=change.exposure_percent)
    return msgspec.structs.replace(after, rollout=rollout)


def planned(draft: Draft, warnings: tuple[Problem, ...] = ()) -> FlagsAnswer:
    """What would be done."""
    return FlagsAnswer(0, draft.plans, tuple(sorted({plan.flag for plan in draft.unsettling})), warnings)


def written(result: WriteResult, warnings: tuple[Problem, ...] = ()) -> FlagsAnswer:
    """What was done."""
    return FlagsAnswer(result.version, result.plans, (), warnings, result.request)


def version_number(text: str) -> int:
    """A config version in a path. Raises `UsageError` (``unknown_version``)."""
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise UsageError("unknown_version", f"{text[:40]!r} is no config version", "see `ferry flags history`")
    return int(text)


async def version_before(service: FlagService, environment: str, key: str) -> int:
    """The config version in which a flag was written before it was the last time. Raises `UsageError`
    (``unknown_version``)."""
    history = service.environment(environment).history.get(key, [])
    versions = [done.version for done in history if done.kind in {"created", "written"}]
    if len(versions) < 2:
        raise UsageError("unknown_version", f"{key[:128]!r} was written only once", "there is nothing to go back to")
    return versions[-2]


def one(environment: str, key: str, flag: Flag | None) -> tuple[Change, ...]:
    """The change of one flag."""
    return (Change(environment, {key: flag}),)
