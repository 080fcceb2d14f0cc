"""The limits of the process target, in one place; tests shorten them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.targets.backoff import FIRST_SECONDS, MAX_SECONDS, RESET_SECONDS
from ferryman.targets.process.logs import ROTATE_BYTES, ROTATED_KEPT
from ferryman.targets.process.ports import DEFAULT_PORTS, REUSE_SECONDS


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """`orphan_seconds` is how long a process without a record is left alone before it gets SIGTERM, and
    `orphan_kill_seconds` how much longer before SIGKILL. Failed instances are shown for `failed_shown_seconds`, at most
    `failed_shown` of each service; asked-for ends for `gone_shown_seconds`."""

    ports: Sequence[int] = DEFAULT_PORTS
    port_reuse_seconds: float = REUSE_SECONDS
    tick_seconds: float = 1.0
    orphan_scan_seconds: float = 10.0
    orphan_seconds: float = 60.0
    orphan_kill_seconds: float = 10.0
    failed_shown_seconds: float = 600.0
    failed_shown: int = 20
    gone_shown_seconds: float = 60.0
    log_rotate_bytes: int = ROTATE_BYTES
    logs_kept: int = ROTATED_KEPT
    backoff_first_seconds: float = FIRST_SECONDS
    backoff_max_seconds: float = MAX_SECONDS
    backoff_reset_seconds: float = RESET_SECONDS
