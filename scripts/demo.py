"""See Ferryman at work: `python3 scripts/demo.py [arguments of ferry demo]`.

Makes a virtual environment, installs this checkout into it and becomes `ferry demo`. Standard library only.
"""

from __future__ import annotations

import os
import shlex
import sys

import _bootstrap as bootstrap


def main() -> None:
    bootstrap.need_python()
    bootstrap.make_venv()
    bootstrap.install("app")
    ferry = str(bootstrap.VENV / "bin" / "ferry")
    command = [ferry, "demo", *sys.argv[1:]]
    bootstrap.say(f"+ {shlex.join(command)}")
    os.execv(ferry, command)


if __name__ == "__main__":
    main()
