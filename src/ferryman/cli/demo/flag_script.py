"""The acts of `ferry demo --flags`: which flags there are, how each is released, and what should come of it. Pure."""

from __future__ import annotations

import datetime as dt
import shlex

from ferryman.cli.demo.script import Act
from ferryman.demo.flag_shop import BAD, GOOD

REPLICAS = 2
RATE_PER_SECOND = 400.0
USERS = 2000

STEPS = """flag:
    hold: 2s
    bake: 3s
    steps:
      - employees
      - {percent: 1, hold: 8s, analysis: false}   # so few that a pass would take minutes; a fail would not
      - 5
      - 50
      - 100"""

QUICK = "analysis: {minWait: 3m, options: {metrics: [errors]}}   # speed too takes a minute longer to be sure of"
WHOLE = "analysis: {minWait: 3m}"

OPENING = Act("v1", "the shop comes up, with both changes in it and turned off", "rolling: {}", "promoted")
ACTS = (
    Act(GOOD, "a good change: employees, 1 %, 5 %, 50 %, everybody, on evidence", STEPS, "promoted"),
    Act(BAD, "a bad change: some payments fail, some are slow", STEPS, "rolled_back"),
)


def flags_file(today: dt.date) -> str:
    """The flags of the shop, and who works there. Nobody is exposed to anything."""
    expires = (today + dt.timedelta(days=30)).isoformat()
    return f"""\
segments:
  employees: staff
flags:
  {GOOD}:
    kind: release
    owner: shop
    expires: {expires}
    description: A checkout on one page.
    variants: {{on: true, off: false}}
    off: off
    rollout: {{exposure: 0}}
  {BAD}:
    kind: release
    owner: shop
    expires: {expires}
    description: Pay with one click. It often fails, but nobody knows that yet.
    variants: {{on: true, off: false}}
    off: off
    rollout: {{exposure: 0}}
"""


def shop_file(python: str, port: int, url: str, token_file: str, changes: str) -> str:
    """The release file of the shop itself: released once, and never again."""
    words = [python, "-m", "ferryman.demo.flag_shop", "--flags", url, "--token-file", token_file, "--changes", changes]
    return f"""# {OPENING.title}
service: shop
version: {OPENING.version}
run:
  command: {shlex.join(words)}
  stopTimeout: 5s
replicas: {REPLICAS}
health:
  http: /healthz
  interval: 200ms
  minReady: 500ms
traffic:
  port: {port}
  drainTimeout: 5s
strategy:
  {OPENING.strategy}
deadlines:
  progress: 60s
"""


def flag_file(act: Act) -> str:
    """The release file of a flag. It starts nothing: who meets the flag is all that it changes."""
    analysis = QUICK if act.expected == "promoted" else WHOLE
    return f"""# {act.title}
service: {act.version}
strategy:
  {act.strategy}
{analysis}
"""
