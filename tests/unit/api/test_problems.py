"""Errors keep their class, code, hint and parts on the way over the wire."""

from __future__ import annotations

import pytest

from ferryman.api import wire
from ferryman.api.problems import ProblemDocument, to_document, to_error
from ferryman.model import errors
from ferryman.model.errors import FerrymanError, Problem, Refused, SpecError


class OwnError(errors.UsageError):
    """A narrower class than the wire knows."""


EXAMPLES: list[tuple[FerrymanError, int]] = [
    (SpecError((Problem("f.yaml", 3, 7, "replicas", "0", "too few", "use 1"),)), 422),
    (Refused("not_running", "nothing runs", ("deploy", "undo")), 409),
    (errors.UsageError("bad", "no"), 400),
    (OwnError("too_large", "no"), 413),
    (FerrymanError("unknown_service", "no such", "did you mean 'shop'?"), 404),
    (errors.Conflict("stale_seq", "somebody else"), 409),
    (errors.Stale("stale", "older"), 409),
    (errors.StoreError("disk_full", "full"), 503),
    (errors.Unreachable("envoy", "silent"), 503),
    (errors.Rejected("envoy", "no"), 503),
    (errors.AdapterError("x", "y"), 503),
    (errors.ControllerError("state_held", "pid 3"), 503),
    (FerrymanError("odd", "odd"), 500),
]


@pytest.mark.parametrize(("error", "status"), EXAMPLES, ids=lambda value: getattr(value, "code", value))
def test_an_error_survives_the_wire(error: FerrymanError, status: int) -> None:
    document = to_document(error)
    assert document.status == status
    again = to_error(wire.decode(wire.encode(document), ProblemDocument))
    expected = errors.UsageError if isinstance(error, OwnError) else type(error)
    assert type(again) is expected
    assert (again.code, again.hint, again.exit_code) == (error.code, error.hint, error.exit_code)
    assert str(again) == str(error)
    if isinstance(error, Refused):
        assert isinstance(again, Refused)
        assert again.legal == error.legal
    if isinstance(error, SpecError):
        assert isinstance(again, SpecError)
        assert again.problems == error.problems


def test_every_class_of_the_tree_is_known_by_the_wire() -> None:
    def below(kind: type[FerrymanError]) -> list[type[FerrymanError]]:
        return [kind, *(each for child in kind.__subclasses__() for each in below(child))]

    known = {type(error).__name__ for error, _ in EXAMPLES}
    ours = {kind.__name__ for kind in below(FerrymanError) if kind.__module__ == "ferryman.model.errors"}
    assert ours <= known


def test_an_unknown_type_is_still_an_error() -> None:
    assert type(to_error(ProblemDocument("about:blank", "t", 500, "c", "d"))) is FerrymanError
