"""What demo.py and test.py share: a virtual environment with this checkout in it.

Standard library only, and no syntax newer than Python 3.7, so that an old interpreter reaches the message that says
which version is needed. Every command is printed before it runs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn, cast

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get("FERRYMAN_VENV") or ROOT / ".venv").absolute()
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".ferryman-installed.json"
MINIMUM_PYTHON = (3, 11)
STDERR = 2
BUILD_BACKEND = "hatchling"
NOT_SOURCES = {"__pycache__", "node_modules", "dist", "static"}
NEWER_PYTHONS = ("python3.14", "python3.13", "python3.12", "python3.11")
APT_TIMEOUT_SECONDS = 600
VENV_TIMEOUT_SECONDS = 120
PIP_TIMEOUT_SECONDS = 1800
APT_INSTALL = ("apt-get", "install", "-y", "--no-install-recommends")


def fail(message: str) -> NoReturn:
    """Say why it cannot go on, and leave with 1."""
    say(f"error: {message}")
    raise SystemExit(1)


def say(message: str) -> None:
    """Print to standard error: standard output belongs to what the script was started for."""
    print(message, file=sys.stderr, flush=True)


def run(
    command: list[str], timeout_seconds: float, env: dict[str, str] | None = None, stdout: int | None = STDERR
) -> int:
    """Print a command, run it from the root of the checkout, and return its exit code (124 after `timeout_seconds`).

    What it prints goes to standard error, or to our standard output with `stdout` None.
    """
    say(f"+ {shlex.join(command)}")
    try:
        done = subprocess.run(command, cwd=ROOT, timeout=timeout_seconds, check=False, env=env, stdout=stdout)
    except subprocess.TimeoutExpired:
        say(f"error: stopped after {timeout_seconds:.0f} s")
        return 124
    except FileNotFoundError:
        say(f"error: {command[0]} is not installed")
        return 127
    return done.returncode


def can_import(python: str, module: str) -> bool:
    """Whether that interpreter is there and has a module; asks the interpreter itself."""
    command = [python, "-c", f"import {module}"]
    return Path(python).exists() and subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def need_python() -> None:
    """Go on with a newer interpreter of this machine if this one is too old; without one, say what is needed."""
    if sys.version_info >= MINIMUM_PYTHON:
        return
    for name in NEWER_PYTHONS:
        newer = shutil.which(name)
        if newer:
            command = [newer, *sys.argv]
            say(f"+ {shlex.join(command)}")
            os.execv(newer, command)
    have = ".".join(str(part) for part in sys.version_info[:3])
    fail(f"Python {have} is too old: Ferryman needs 3.11 or newer. Install one and start this script with it.")


def apt_install(packages: list[str]) -> int:
    """Install packages of the distribution, without recommended ones; needs root."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-q"], APT_TIMEOUT_SECONDS, env)
    return run([*APT_INSTALL, "-q", *packages], APT_TIMEOUT_SECONDS, env)


def is_root() -> bool:
    """Whether packages of the distribution can be installed without asking."""
    return os.geteuid() == 0


def make_venv() -> None:
    """Make the virtual environment if it is not there. Debian keeps `ensurepip` in a package of its own."""
    if can_import(str(PYTHON), "pip"):
        return
    if importlib.util.find_spec("ensurepip") is None:
        line = f"apt-get update && {shlex.join([*APT_INSTALL, 'python3-venv'])}"
        if not is_root() or shutil.which("apt-get") is None:
            fail(f"this Python cannot make virtual environments (no ensurepip). As root:\n  {line}")
        apt_install(["python3-venv"])
        if not can_import(sys.executable, "ensurepip"):
            fail(f"{sys.executable} still has no ensurepip. What was tried:\n  {line}")
    if run([sys.executable, "-m", "venv", "--clear", str(VENV)], VENV_TIMEOUT_SECONDS) != 0:
        fail(f"could not make a virtual environment in {VENV}")


def digest(paths: list[Path]) -> str:
    """SHA-256 over the names and contents of files and of all files in folders, caches and what is built left out."""
    seen = hashlib.sha256()
    for top in paths:
        files = sorted(p for p in top.rglob("*") if p.is_file()) if top.is_dir() else [top]
        for path in files:
            if not NOT_SOURCES & set(path.relative_to(ROOT).parts) and path.name != ".lock":
                seen.update(f"{path.relative_to(ROOT)}\0".encode())
                seen.update(hashlib.sha256(path.read_bytes()).digest())
    return seen.hexdigest()


def installed() -> dict[str, str]:
    """What the last installation noted about itself; empty if there was none, or none of this checkout."""
    try:
        stamp = cast("dict[str, str]", json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}
    return stamp if stamp.get("root") == str(ROOT) else {}


def install(kind: str) -> None:
    """Install this checkout, both distributions, into the virtual environment, unless that was done and nothing relevant has changed.

    `kind` is "app" (a copy, as users have it) or "dev" (in place, with the tools for tests). An installation in place
    serves as "app" too: it runs the sources as they are.
    """
    pyproject = digest([ROOT / "pyproject.toml", ROOT / "sdk" / "pyproject.toml"])
    source = digest([ROOT / name for name in ("pyproject.toml", "hatch_build.py", "src", "web", "sdk")])
    stamp = installed()
    if stamp.get("kind") == "dev" and stamp.get("pyproject") == pyproject:
        return
    if kind == "app" and stamp.get("source") == source:
        return
    STAMP.unlink(missing_ok=True)
    pip = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    what = ["-e", "./sdk", "-e", ".[dev]"] if kind == "dev" else ["./sdk", "."]
    say("installing; the first time this takes a minute or two")
    if run([*pip, *what], PIP_TIMEOUT_SECONDS) != 0:
        if not can_import(str(PYTHON), BUILD_BACKEND):
            fail("installation failed; the lines above say why")
        # Without a network the build back end cannot be fetched, but here it is installed, perhaps with all the rest.
        say("that failed; trying with what is installed already")
        if run([*pip, "--no-index", "--no-build-isolation", *what], PIP_TIMEOUT_SECONDS) != 0:
            fail("installation failed; the lines above say why")
    STAMP.write_text(json.dumps({"root": str(ROOT), "kind": kind, "pyproject": pyproject, "source": source}))
