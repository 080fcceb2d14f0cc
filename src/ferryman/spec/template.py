"""The commented release file that `ferry init` writes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ferryman.spec.parse import parse_release
from ferryman.spec.scalars import ScalarError, resolve
from ferryman.spec.table import service_name

DEFAULT_HEALTH_PATH = "/healthz"
PORT_MAX = 65_535
_PLAIN = re.compile(r"[A-Za-z0-9_./+=-](?:[A-Za-z0-9_./+=:@ -]*[A-Za-z0-9_./+=@-])?")

_HEAD = """\
# How {service} runs, and how a change to it reaches users.
# `ferry check` reads this file, `ferry plan` shows what would happen, `ferry deploy` does it.
# Every key: `ferry spec --markdown`; for editors: `ferry spec --schema`; more like this: `ferry spec --example full`.
service: {service}
# version: v1                 # a name for people; left out, releases are called r1, r2, ...

run:
  command: {command}
{port_note}{files}  # env: {{LOG_LEVEL: info}}    # texts only: quote numbers
  # secrets: [DATABASE_URL]   # names; values come from the controller's environment and are never stored
replicas: {replicas}

"""
_TRAFFIC = """\
health:
  {health}
  minReady: 5s                # ready this long without a break counts as available

traffic:
  port: {port:<22}# where users connect; instances get ports of their own
  # previewPort: {preview:<13}# here only the new version answers
  # sticky: cookie            # a user who met the new version stays there while its share grows
  # testers: [{{header: X-Canary, value: "true"}}]   # these meet it from the first step on

strategy:
  canary:                     # or rolling, or blueGreen: `ferry spec --example blue-green`
    hold: 10m                 # time at each weight; then the judge must find it no worse than the old version
    steps: [5, 25, 50, 100]   # percent of the traffic
    bake: 1m                  # watched with all traffic before the old version may stop
"""
_WORKER = """\
health:
  minReady: 5s                # alive this long counts as available

# traffic:                    # for a service that users connect to; then `health` needs `http: /path` or `tcp: true`
#   port: 8080

strategy:
  rolling:
    maxSurge: 25%             # instances beyond `replicas` at any time
    maxUnavailable: 0         # instances that may be missing at any time
"""


def init_template(
    service: str,
    command: Sequence[str],
    port: int | None = None,
    health_path: str | None = DEFAULT_HEALTH_PATH,
    files: Sequence[str] = (),
    replicas: int = 4,
) -> str:
    """The text of a release file for `command`.

    `service` is turned into a name that is allowed. `port` None makes a worker without traffic; `health_path` None
    asks for no more than an open port. Raises `SpecError` if the arguments make no release file, such as a port of 0.
    """
    name = service_name(service) or "service"
    health = f"http: {_text(health_path)}" if health_path is not None else "tcp: true"
    head = _HEAD.format(
        service=_text(name),
        command="[" + ", ".join(_text(word) for word in command) + "]",
        port_note=""
        if port is None
        else "  # `{port}` in a word, and PORT in the environment, are the port of the instance\n",
        files=_files(files),
        replicas=replicas,
    )
    text = head + (
        _WORKER
        if port is None
        else _TRAFFIC.format(health=health, port=port, preview=port + 1 if port < PORT_MAX else port - 1)
    )
    parse_release(text, "ferryman.yaml")
    return text


def _files(files: Sequence[str]) -> str:
    note = "copied at deploy, so that going back brings these very files back"
    if files:
        return f"  # {note}\n  files: [{', '.join(_text(name) for name in files)}]\n"
    return f"  # files: [app.py]           # {note}\n"


def _text(text: str) -> str:
    """`text` as a YAML value inside brackets: plain where that means the same, else quoted."""
    try:
        plain = _PLAIN.fullmatch(text) and not text.startswith("-") and ": " not in text and resolve(text) == text
    except ScalarError:
        plain = False
    if plain:
        return text
    # What JSON leaves as it is, YAML may still take for the end of a line.
    return "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in json.dumps(text, ensure_ascii=False))
