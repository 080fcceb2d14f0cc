"""What goes wrong with a candidate in a rehearsal, as people write it: `errors x5 at 25%`."""

from __future__ import annotations

import re

import msgspec

from ferryman.model.errors import UsageError

_NUMBER = r"\d+(?:\.\d+)?"
_WHAT = re.compile(rf"(errors|latency)\s+x({_NUMBER})|errors\s+({_NUMBER})%|(crash)|(never-ready)")
_WHEN = re.compile(rf"at\s+({_NUMBER})%|after\s+({_NUMBER})(s|m)?")


class Failure(msgspec.Struct, frozen=True):
    """`what`: errors, latency, share, crash or never-ready; `amount` a factor, or percent of all requests (share).
    It begins once `at_percent` of the users meet the candidate, or `after_seconds` from the deploy; both None: from the
    first moment."""

    what: str
    amount: float = 1.0
    at_percent: float | None = None
    after_seconds: float | None = None

    def __str__(self) -> str:
        text = {"share": f"errors {self.amount:g}%"}.get(self.what, self.what)
        if self.what in ("errors", "latency"):
            text = f"{self.what} x{self.amount:g}"
        if self.at_percent is not None:
            return f"{text} at {self.at_percent:g}%"
        return text if self.after_seconds is None else f"{text} after {self.after_seconds:g}s"


def parse_failure(text: str) -> Failure:
    """The inverse of `str`. Raises `UsageError` (``bad_failure``) that shows the forms there are."""
    rest = text.strip()
    found = _WHAT.match(rest)
    if found is None:
        raise _wrong(text)
    factor, many, share, crash, never = found.groups()
    what = factor or ("share" if share else crash or never)
    amount = float(many or share or 1.0)
    rest = rest[found.end() :].strip()
    if not rest:
        return _checked(Failure(what, amount), text)
    when = _WHEN.fullmatch(rest)
    if when is None:
        raise _wrong(text)
    if when.group(1):
        return _checked(Failure(what, amount, at_percent=float(when.group(1))), text)
    return _checked(
        Failure(what, amount, after_seconds=float(when.group(2)) * (60.0 if when.group(3) == "m" else 1.0)), text
    )


def _checked(failure: Failure, text: str) -> Failure:
    percents = (failure.at_percent or 0.0, failure.amount if failure.what == "share" else 0.0)
    if max(percents) > 100:
        raise _wrong(text)
    return failure


def _wrong(text: str) -> UsageError:
    return UsageError(
        "bad_failure",
        f"--fail {text!r} is not understood",
        "write 'errors x5 at 25%', 'errors 3%', 'latency x3 after 30s', 'crash at 50%' or 'never-ready'",
    )
