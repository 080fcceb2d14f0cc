"""`ferry token`: who may reach this controller from elsewhere, and as what."""

from __future__ import annotations

from ferryman.api.access.wire import EXPIRES_SECONDS_MAX, NAME_CHARACTERS_MAX, TokenRequest, TokenView
from ferryman.cli.context import OK, Context
from ferryman.cli.durations import timeout_seconds
from ferryman.cli.offline_access import keeper
from ferryman.cli.views.columns import columns
from ferryman.cli.views.text import day_and_clock
from ferryman.model.errors import UsageError
from ferryman.model.role import Role

NEVER = "never"


def run(context: Context) -> int:
    """Make one, list all, or take one out of use."""
    args = context.args
    if args.action == "create":
        return _create(context)
    if args.action == "revoke":
        return _revoke(context)
    if args.which is not None:
        raise UsageError("bad_usage", f"`ferry token list` takes no {args.which!r}", "it lists all of them")
    return _list(context)


def _create(context: Context) -> int:
    args = context.args
    name = args.name or args.which
    program = args.server or args.client
    if not name or not (args.role or program):
        raise UsageError(
            "bad_usage",
            "a token needs --name, and --role, --server or --client",
            "ferry token create --name ana --role operator",
        )
    if not 1 <= len(name) <= NAME_CHARACTERS_MAX:
        raise UsageError("bad_name", f"a name has at most {NAME_CHARACTERS_MAX} characters", "shorten it")
    asked = TokenRequest(
        name,
        Role(args.role) if args.role else None,
        args.service or "*",
        _expiry(args.expires),
        "server" if args.server else "client" if args.client else "",
        program or "",
    )
    made = keeper(context.project, context.actor).create_token(asked)
    context.out.emit(made)
    context.out.say(made.token)
    until = "" if made.view.expires_at is None else f", until {day_and_clock(made.view.expires_at)}"
    context.out.remark(f"token {made.view.id} of {made.view.name}: {_roles(made.view)}{until}")
    context.out.remark("it is shown this once: keep it now, as FERRY_TOKEN or by `ferry login`")
    return OK


def _expiry(text: str) -> float | None:
    if text == NEVER:
        return None
    seconds = timeout_seconds(text, "--expires")
    if seconds is None or not 0 < seconds <= EXPIRES_SECONDS_MAX:
        raise UsageError("bad_duration", f"--expires {text!r} is not within 10 years", "write 90d, 12h or never")
    return seconds


def _list(context: Context) -> int:
    tokens = keeper(context.project, context.actor).tokens()
    heads = ("ID", "NAME", "ROLE", "STATE", "MADE", "BY", "EXPIRES", "LAST USED")
    context.out.say(
        columns([heads, *(_row(each) for each in tokens)])
        if tokens
        else "no token was made yet; `ferry token create --name NAME --role ROLE` does it"
    )
    context.out.emit(tokens)
    return OK


def _row(each: TokenView) -> tuple[str, ...]:
    return (
        each.id,
        each.name,
        _roles(each),
        each.state,
        day_and_clock(each.created_at),
        each.created_by,
        day_and_clock(each.expires_at) if each.expires_at is not None else NEVER,
        day_and_clock(each.used_at).split()[0] if each.used_at is not None else "-",
    )


def _roles(each: TokenView) -> str:
    if each.program:
        return f"{each.program} of {each.environment}"
    return ", ".join(
        role.value if service == "*" else f"{role.value} of {service}" for service, role in each.roles.items()
    )


def _revoke(context: Context) -> int:
    which = context.args.which or context.args.name
    if not which:
        raise UsageError("bad_usage", "which token?", "ferry token revoke ID; `ferry token list` shows them")
    gone = keeper(context.project, context.actor).revoke_token(which, context.args.reason)
    context.out.emit(gone)
    context.out.say(f"token {gone.id} of {gone.name} is revoked")
    return OK
