"""Check the whole repository: `python3 scripts/test.py [--lint] [arguments of pytest]`.

Installs what the checks need, then runs lint, format, types, layers and house rules, then all tests. All of them run
even if one fails, so that one run shows everything; the exit code is 1 if any failed. With `--lint` the tests are left
out. Standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import _bootstrap as bootstrap

LINT_TIMEOUT_SECONDS = 600
BUILD_TIMEOUT_SECONDS = 1200
TESTS_TIMEOUT_SECONDS = 4500


def counterparts() -> list[str]:
    """Names of the distribution's packages that tests use as real counterparts: first word of each line."""
    lines = (bootstrap.ROOT / "tests" / "apt.txt").read_text().splitlines()
    return [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]


def is_installed(package: str) -> bool:
    command = ["dpkg-query", "-W", "-f=${Status}", package]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    return answer.stdout.endswith(" installed")


def install_counterparts() -> None:
    """Install missing ones as root. Otherwise name them: the tests that need them skip, or fail with CI=true."""
    if shutil.which("dpkg-query") is None:
        bootstrap.say(f"no Debian packages here; tests use the commands of: {' '.join(counterparts())}")
        return
    missing = [package for package in counterparts() if not is_installed(package)]
    if not missing:
        return
    if bootstrap.is_root() and bootstrap.apt_install(missing) == 0:
        return
    line = f"apt-get update && {' '.join(bootstrap.APT_INSTALL)} {' '.join(missing)}"
    bootstrap.say(f"missing for some tests: {' '.join(missing)}. As root:\n  {line}")


def lint_steps() -> list[tuple[str, list[str], float]]:
    """Name, command and limit in seconds of each check that runs nothing of Ferryman."""
    tools = bootstrap.VENV / "bin"
    python = str(bootstrap.PYTHON)
    tidy = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/test_tidy.py"]
    return [
        ("lint", [str(tools / "ruff"), "check", "."], LINT_TIMEOUT_SECONDS),
        ("format", [str(tools / "ruff"), "format", "--check", "."], LINT_TIMEOUT_SECONDS),
        ("types", [str(tools / "pyright"), "--pythonpath", python], LINT_TIMEOUT_SECONDS),
        ("layers", [str(tools / "lint-imports"), "--no-logo"], LINT_TIMEOUT_SECONDS),
        ("house rules", tidy, LINT_TIMEOUT_SECONDS),
        ("dashboard", [python, "hatch_build.py"], BUILD_TIMEOUT_SECONDS),  # checks its types, then builds it
    ]


def main() -> int:
    bootstrap.need_python()
    arguments = sys.argv[1:]
    lint_only = "--lint" in arguments
    started = time.monotonic()
    bootstrap.make_venv()
    if not lint_only:
        install_counterparts()
    bootstrap.install("dev")
    summary = [("set up", 0, time.monotonic() - started)]
    steps = lint_steps()
    if not lint_only:
        # The slow tests lie side by side: dealt out beforehand, all of them would go to one worker.
        spread = ["-n", "auto", "--dist", "worksteal"]
        tests = [str(bootstrap.PYTHON), "-m", "pytest", *spread, "--durations=15", *arguments]
        steps.append(("tests", tests, TESTS_TIMEOUT_SECONDS))
    env = {**os.environ, "PATH": f"{bootstrap.VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    # Tests start controllers by the hundred: as their users do, not compiling every module each time.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    for name, command, timeout_seconds in steps:
        started = time.monotonic()
        code = bootstrap.run(command, timeout_seconds, env, stdout=None)
        summary.append((name, code, time.monotonic() - started))
    print("\nseconds  step")
    for name, code, seconds in summary:
        print(f"{seconds:7.1f}  {name}{'' if code == 0 else f': FAILED (exit code {code})'}", flush=True)
    return 1 if any(code for _, code, _ in summary) else 0


if __name__ == "__main__":
    raise SystemExit(main())
