"""`ferry login`: keep a token for a controller on another machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ferryman.cli.client import Client
from ferryman.cli.context import OK, Context
from ferryman.cli.remote import TOKEN_VARIABLE, Kept, Remote, checked_url, keep_token
from ferryman.model.errors import UsageError


def run(context: Context) -> int:
    """Ask for the token, try it, keep it; or forget it."""
    args = context.args
    given = args.target or args.url
    if not given:
        raise UsageError("bad_usage", "which controller?", "ferry login https://HOST:PORT")
    url = checked_url(given)
    if args.forget:
        path = keep_token(url, None)
        context.out.say(f"the token for {url} is no longer in {path}; `ferry token revoke` takes it out of use")
        return OK
    ca_file = str(Path(args.ca_file).absolute()) if args.ca_file else ""
    token = _token(context)
    with Client(Remote(url, token, ca_file)) as client:
        told = client.session()
    if told.via != "token":
        raise UsageError(
            "bad_token", f"{url} does not know this token", "is it whole, not expired, and of that controller?"
        )
    path = keep_token(url, Kept(token, ca_file))
    roles = ", ".join(
        role.value if service == "*" else f"{role.value} of {service}" for service, role in told.roles.items()
    )
    context.out.emit(told)
    context.out.say(f"{url} knows you as {told.name} ({roles}); kept in {path}")
    context.out.remark(f"use it by `ferry --url {url} status`, or FERRY_URL={url}")
    return OK


def _token(context: Context) -> str:
    """From the environment, else asked for without showing it, else from standard input."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token and sys.stdin.isatty():
        import getpass

        token = getpass.getpass("token: ", stream=context.out.stderr)
    elif not token:
        token = sys.stdin.readline()
    if not token.strip():
        raise UsageError("bad_token", "no token was given", f"type it, pipe it in, or set {TOKEN_VARIABLE}")
    return token.strip()
