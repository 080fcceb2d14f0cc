"""What a release file is allowed to say but hardly means. Each finding is a warning; nothing here stops a release.

What needs the plan (weights that cannot be had, bounds that deadlock) is found where the plan is made.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from ferryman.model.errors import Problem
from ferryman.model.release import BlueGreen, Canary, FlagExposure, Recreate, Release, SetWeight
from ferryman.spec.durations import format_duration
from ferryman.spec.report import closest
from ferryman.spec.shapes import SECRET_NAME

WARNINGS = {
    "no_files": "The command runs a file that is not copied, so that going back would run the new one.",
    "shell_syntax": "The command holds signs that only a shell understands.",
    "unknown_placeholder": "The command holds a name in braces that is nearly one that is replaced.",
    "plain_secret": "A variable whose name sounds secret has its value in the file.",
    "open_host": "The address is reachable from other machines.",
    "weak_health": "The health check says little.",
    "no_analysis": "Nothing weighs evidence, so that only health can take the release back.",
    "no_bake": "Nothing watches the new version after it has all traffic.",
    "slow_return": "The old version stops at once, so that going back has to start it again.",
    "short_hold": "A hold is shorter than the time between two looks at the evidence.",
    "no_weights": "A canary that goes from nothing to everything.",
    "downtime": "The release stops the service.",
    "no_undo": "Going back is never direct.",
}

PLACEHOLDERS = ("port",)
_SCRIPT = re.compile(r"[\w.-]+(?:/[\w.-]+)*\.(?:py|js|mjs|cjs|ts|rb|sh|pl|php|jar|lua|ex|exs)")
_SHELL = frozenset({"|", "||", "&&", ";", "&", ">", ">>", "<", "2>&1"})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "/bin/sh", "/bin/bash"})


def lint(release: Release) -> tuple[Problem, ...]:
    """Warnings, without file and place; `parse_release_with_warnings` adds these."""
    return tuple(
        Problem("", 0, 0, path, value, message, hint, code, "warning")
        for find in (_command, _variables, _service, _evidence, _ways_back)
        for code, path, value, message, hint in find(release)
    )


Finding = tuple[str, str, str, str, str]


def _command(release: Release) -> Iterator[Finding]:
    where = "run.command"
    words = release.command
    for word in words:
        if _SCRIPT.fullmatch(word) and not _covered(word, release.files):
            message = f"`{word}` is not among `run.files`: after an undo the old release would run the file of that day"
            yield "no_files", where, word, message, f"add `files: [{word}]` under `run`, with all that it needs"
        near = closest(word[1:-1], PLACEHOLDERS) if re.fullmatch(r"\{\w+\}", word) else None
        if near and word[1:-1] not in PLACEHOLDERS:
            yield "unknown_placeholder", where, word, f"`{word}` is passed on as it is", f"did you mean `{{{near}}}`?"
    signs = [word for word in words[1:] if word in _SHELL or re.match(r"\$[\w({]", word)]
    if signs and words[0] not in _SHELLS:
        message = f"`{signs[0]}` reaches the program as an argument: no shell reads the command"
        yield "shell_syntax", where, signs[0], message, 'write ["sh", "-c", "..."] to have one'


def _covered(word: str, files: tuple[str, ...]) -> bool:
    tidy = word.removeprefix("./")
    return any(name in {".", tidy} or tidy.startswith(f"{name}/") for name in files)


def _variables(release: Release) -> Iterator[Finding]:
    for name, value in release.env.items():
        if SECRET_NAME.search(name) and value:
            message = f"the value of `{name}` stands in the file"
            hint = f"write `secrets: [{name}]` under `run` and set it where the controller runs"
            yield "plain_secret", f"run.env.{name}", "(hidden)", message, hint


def _service(release: Release) -> Iterator[Finding]:
    host = release.routing.host
    if not ipaddress.ip_address(host).is_loopback:
        message = f"`{host}` lets other machines connect"
        yield "open_host", "traffic.host", host, message, "127.0.0.1 serves this machine only"
    if release.health_tcp:
        message = "an open port does not show that the service works"
        yield "weak_health", "health.tcp", "true", message, "`http: /healthz` asks the service itself"
    if release.min_ready_seconds == 0 and (release.health_tcp or release.health_http_path):
        message = "with `minReady: 0s` the first good answer counts, and a crash right after it comes too late to stop the step"
        yield "weak_health", "health.minReady", "0s", message, "a few seconds find most of them"


def _evidence(release: Release) -> Iterator[Finding]:
    strategy, analysis = release.strategy, release.analysis
    if isinstance(strategy, Canary):
        partial = [s for s in strategy.steps if isinstance(s, SetWeight) and s.percent < 100.0]
        if not partial:
            message = "no step gives the new version a part of the traffic"
            yield "no_weights", "strategy.canary.steps", "", message, "put weights such as 5, 25 and 50 between"
        if partial and not analysis.enabled:
            message = "with analysis off a canary goes on however many requests fail"
            yield "no_analysis", "analysis.enabled", "false", message, "turn it on, or use the rolling strategy"
        for number, step in enumerate(strategy.steps):
            held = step.hold_seconds if isinstance(step, SetWeight) and step.analyse else None
            if held is not None and held < analysis.interval_seconds and analysis.enabled:
                message = (
                    f"a hold of {format_duration(held)} ends before the first look at the evidence, "
                    f"every {format_duration(analysis.interval_seconds)}"
                )
                hint = "hold longer, or look more often"
                yield "short_hold", f"strategy.canary.steps[{number}]", format_duration(held), message, hint
    elif isinstance(strategy, FlagExposure) and not analysis.enabled:
        message = "with analysis off the flag grows however many requests fail"
        yield "no_analysis", "analysis.enabled", "false", message, "turn it on, unless it shall grow by the clock alone"
    elif isinstance(strategy, BlueGreen) and not (analysis.enabled or strategy.checks_before or strategy.checks_after):
        message = "nothing but health is looked at before or after the switch"
        yield "no_analysis", "strategy.blueGreen", "", message, "add `checksBefore`, or turn `analysis` on"


def _ways_back(release: Release) -> Iterator[Finding]:
    strategy = release.strategy
    if isinstance(strategy, Recreate):
        message = "every instance stops before the first new one starts"
        yield "downtime", "strategy.recreate", "", message, "the other strategies release without downtime"
    if isinstance(strategy, Canary | BlueGreen):
        name = "strategy.canary" if isinstance(strategy, Canary) else "strategy.blueGreen"
        if strategy.bake_seconds == 0:
            message = "the release ends as soon as all traffic has moved"
            yield "no_bake", f"{name}.bake", "0s", message, "a minute finds what only shows under full load"
        if strategy.scale_down_delay_seconds == 0 or strategy.keep_old == 0:
            message = "no old version stays up after the release"
            yield "slow_return", f"{name}.scaleDownDelay", "", message, "30s leaves time to go back at once"
    if release.undo_window == 0:
        message = "every undo takes all steps of the strategy"
        yield "no_undo", "undoWindow", "0", message, "3 is what most use"
