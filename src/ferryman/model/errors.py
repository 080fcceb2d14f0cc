"""Every error Ferryman raises on purpose.

    FerrymanError
    |- SpecError        a release file is wrong; carries every problem found, with file, line and column
    |- Refused          a verb is not legal now; nothing was changed
    |- UsageError       a command was called wrongly
    |- Stale            an older generation tried to write over a newer one
    |- StoreError       the event log cannot be read or written
    |  |- Conflict      somebody else appended first, or holds the lease
    |- AdapterError     a target, router or metrics source did not do what was asked
    |  |- Unreachable   it did not answer
    |  |- Rejected      it answered no
    |- ControllerError  no controller answers, or another one holds the state folder

`code` is stable and meant for machines, `message` names the offending value, `hint` says what to do about it.
"""

from __future__ import annotations

from dataclasses import dataclass


class FerrymanError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line ends with."""

    exit_code = 1

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a document. `line` and `column` are one-based; 0 means the place is unknown."""

    file: str
    line: int
    column: int
    path: str
    value: str
    message: str
    hint: str = ""
    code: str = "invalid"
    severity: str = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        tail = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{place}: {self.path or 'document'}: {self.message}{tail}"


class SpecError(FerrymanError):
    """A release file that cannot be accepted; `problems` holds every one of them, in document order."""

    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("spec_invalid", "\n".join(str(p) for p in problems))
        self.problems = problems


class Refused(FerrymanError):
    """A verb that is not legal in the present phase. `legal` lists the verbs that are."""

    exit_code = 2

    def __init__(self, code: str, message: str, legal: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(code, message, hint or (f"legal now: {', '.join(legal)}" if legal else ""))
        self.legal = legal


class UsageError(FerrymanError):
    """A command called with arguments that make no sense."""

    exit_code = 2


class Stale(FerrymanError):
    """A write with an older generation than the one already applied; the writer lost its lease."""


class StoreError(FerrymanError):
    """The event log cannot be read, or not written durably."""


class Conflict(StoreError):
    """A compare-and-set lost: another writer appended first or holds the lease."""


class AdapterError(FerrymanError):
    """A target, router or metrics source failed."""


class Unreachable(AdapterError):
    """The other side did not answer in time; what it does now is unknown."""


class Rejected(AdapterError):
    """The other side refused what it was given; the old state still serves."""


class ControllerError(FerrymanError):
    """There is no controller to talk to, or another one holds the state folder."""
