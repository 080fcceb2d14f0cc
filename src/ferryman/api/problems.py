"""Errors on the wire: every `FerrymanError` as a problem document (RFC 9457), and back to the same class.

`type` is ``urn:ferryman:<class>``; `code`, `hint`, `legal` and `problems` are extension members.
"""

from __future__ import annotations

import msgspec

from ferryman.api.access.principal import Forbidden, TooManyAttempts, Unauthenticated
from ferryman.model.errors import (
    AdapterError,
    Conflict,
    ControllerError,
    FerrymanError,
    Problem,
    Refused,
    Rejected,
    SpecError,
    Stale,
    StoreError,
    Unreachable,
    UsageError,
)

MEDIA_TYPE = "application/problem+json"
URN = "urn:ferryman:"

# Statuses by class, narrowest first; `STATUS_BY_CODE` wins over them.
_KINDS: tuple[tuple[type[FerrymanError], int, str], ...] = (
    (SpecError, 422, "The file cannot be accepted"),
    (Refused, 409, "Not possible now; nothing was changed"),
    (UsageError, 400, "The request makes no sense"),
    (Stale, 409, "Somebody newer wrote first"),
    (Conflict, 409, "Somebody else wrote first"),
    (StoreError, 503, "The event log cannot be used"),
    (Unreachable, 503, "The other side does not answer"),
    (Rejected, 503, "The other side refused"),
    (AdapterError, 503, "A target, router or metrics source failed"),
    (Unauthenticated, 401, "It is not known who asks"),
    (Forbidden, 403, "Not allowed"),
    (TooManyAttempts, 429, "Too many attempts"),
    (ControllerError, 503, "No controller can do this"),
    (FerrymanError, 500, "It failed"),
)
_BY_NAME = {kind.__name__.lower(): kind for kind, _, _ in _KINDS}
STATUS_BY_CODE = {
    "read_only": 403,
    "unknown_service": 404,
    "unknown_instance": 404,
    "unknown_rollout": 404,
    "unknown_token": 404,
    "unknown_session": 404,
    "no_oidc": 404,
    "ambiguous_token": 409,
    "unknown_channel": 404,
    "unknown_flag": 404,
    "unknown_version": 404,
    "unknown_request": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "slow_request": 408,
    "too_large": 413,
    "headers_too_large": 431,
    "key_reused": 422,
    "link_forged": 403,
    "link_withdrawn": 403,
    "link_used": 410,
    "link_expired": 410,
    "link_key_changed": 410,
    "link_over": 410,
    "internal": 500,
}


class ProblemDocument(msgspec.Struct, frozen=True):
    """The body of an error answer."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str = ""
    legal: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def to_document(error: FerrymanError) -> ProblemDocument:
    """The problem document of an error."""
    kind, status, title = next(row for row in _KINDS if isinstance(error, row[0]))
    return ProblemDocument(
        type=URN + kind.__name__.lower(),
        title=title,
        status=STATUS_BY_CODE.get(error.code, status),
        code=error.code,
        detail=error.message,
        hint=error.hint,
        legal=error.legal if isinstance(error, Refused) else (),
        problems=error.problems if isinstance(error, SpecError) else (),
    )


def to_error(document: ProblemDocument) -> FerrymanError:
    """The error that `to_document` made this of; an unknown type becomes a plain `FerrymanError`."""
    kind = _BY_NAME.get(document.type.removeprefix(URN), FerrymanError)
    if issubclass(kind, SpecError):
        return SpecError(document.problems)
    if issubclass(kind, Refused):
        return Refused(document.code, document.detail, document.legal, document.hint)
    return kind(document.code, document.detail, document.hint)
