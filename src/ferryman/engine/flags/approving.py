"""Who must agree to a write, and whether somebody's word counts."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ferryman.engine.flags.texts import flags_text
from ferryman.flags.ledger import Written, body_of
from ferryman.flags.requests import Request, Requested, digest_of
from ferryman.model.errors import Conflict, Refused, UsageError
from ferryman.model.release import Approval, FlagExposure, Release
from ferryman.model.role import Role, ranks_as
from ferryman.model.settings import FlagApproval


def approval_of(approvals: Sequence[FlagApproval], written: Written) -> FlagApproval | None:
    """The strictest that the environments of a write ask for; None: it may be written at once."""
    touched = {change.environment for change in written.changes}
    asked = [approval for approval in approvals if approval.environment in touched]
    return max(asked, key=lambda approval: (Role(approval.role).rank, approval.count), default=None)


def requested(written: Written, approval: FlagApproval, account: str) -> Requested:
    """The request to write this."""
    body = body_of(written)
    summary = flags_text("flags_written", body)
    return Requested(body, digest_of(body), approval.count, approval.role, account, summary)


def open_request(request: Request | None, number: int, digest: str) -> Request:
    """The request that is to be answered. Raises `UsageError` (``unknown_request``), `Refused` (``request_over``),
    `Conflict` (``request_changed``)."""
    if request is None:
        raise UsageError("unknown_request", f"there is no request {number}", "see `ferry flags requests`")
    if request.state != "open":
        raise Refused("request_over", f"request {number} is {request.state}", hint="see `ferry flags requests`")
    if digest != request.asked.digest:
        raise Conflict("request_changed", f"request {number} is not what was looked at", "look again, then decide")
    return request


def check_word(request: Request, account: str, role: str, *, agrees: bool) -> None:
    """Whether this person's word counts: an author may take a request back, and not agree to it. Raises `Refused`:
    ``own_request``, ``role_needed``."""
    asked = request.asked
    if account == asked.account:
        if agrees:
            raise Refused("own_request", f"{account} asked for it", hint="somebody else must agree")
    elif not ranks_as(role, asked.role):
        raise Refused(
            "role_needed", f"{account} is {role or 'nothing'}; this needs {asked.role}", hint="ask one of them"
        )


def has_enough(request: Request) -> bool:
    """Whether so many people agreed."""
    return len({given.by for given in request.given}) >= request.asked.needed


def asked_of_people(release: Release, approvals: Sequence[FlagApproval]) -> Release:
    """The release of a flag, with the approval that its environment asks for before the first user meets it; one that it
    has itself is kept where it is stricter. Its author's word does not count."""
    strategy = release.strategy
    if not isinstance(strategy, FlagExposure):
        return release
    asked = next((each for each in approvals if each.environment == strategy.environment), None)
    if asked is None:
        return release
    own = release.approvals.start
    role = asked.role if own is None or Role(asked.role).rank > Role(own.role).rank else own.role
    count = asked.count if own is None else max(asked.count, own.count)
    timeout = own.timeout_seconds if own is not None else Approval().timeout_seconds
    terms = Approval(count, role, timeout, author_counts=False)
    return replace(release, approvals=replace(release.approvals, start=terms))
