"""`ferry` as a program whose own clock was put elsewhere by libfaketime; what it starts sees the real time.

LD_PRELOAD=libfaketimeMT.so.1 FAKETIME_TIMESTAMP_FILE=offset python clocked.py --project DIR serve
"""

from __future__ import annotations

import os
import select
import sys
import time

from ferryman.cli.main import main


def sleep(seconds: float) -> None:
    """libfaketime takes its offset off the moment until which Python sleeps, though that is monotonic: this one waits for
    a span of time."""
    select.select([], [], [], max(0.0, seconds))


if __name__ == "__main__":
    del os.environ["LD_PRELOAD"]
    time.sleep = sleep
    sys.exit(main(sys.argv[1:]))
