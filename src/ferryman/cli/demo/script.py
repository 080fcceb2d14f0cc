"""The acts of the demo: what is released, by which release file, and what should come of it. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

SERVICE = "shop"
REPLICAS = 4
RATE_PER_SECOND = 300.0
CONNECTIONS = 8


@dataclass(frozen=True)
class Act:
    """One release. `expected` is the outcome that the demo is about; `shop` are options of the sample shop."""

    version: str
    title: str
    strategy: str
    expected: str
    shop: tuple[str, ...] = ()


CANARY = """canary:
    hold: 6s
    steps: [5, 25, 50, 100]
    bake: 3s
    scaleDownDelay: 2s"""
BLUE_GREEN = """blueGreen:
    checksBefore:
      - {name: checkout answers, http: /checkout}
    bake: 5s
    scaleDownDelay: 2s"""
ROLLING = """rolling:
    maxSurge: 1
    maxUnavailable: 0"""

OPENING = Act("v1", "the first version comes up", CANARY, "promoted")
ACTS = (
    Act("v2", "a good release, step by step, on evidence", CANARY, "promoted"),
    Act(
        "v3",
        "a broken release: some requests fail, some are slow",
        CANARY,
        "rolled_back",
        ("--error-percent", "12", "--slow-percent", "15", "--slow-ms", "250"),
    ),
    Act("v4", "blue-green: looked at first, then one switch", BLUE_GREEN, "promoted"),
    Act("v5", "rolling: instance by instance", ROLLING, "promoted"),
)


def release_file(act: Act, python: str, port: int) -> str:
    """The release file of an act; `python` runs the sample shop, users connect to `port`."""
    command = shlex.join([python, "-m", "ferryman.demo.shop", "--version", act.version, *act.shop])
    return f"""# {act.title}
service: {SERVICE}
version: {act.version}
run:
  command: {command}
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
  {act.strategy}
analysis:
  minWait: 3m
deadlines:
  progress: 60s
  abortScaleDown: 3s
"""
