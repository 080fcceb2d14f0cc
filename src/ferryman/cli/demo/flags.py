"""`ferry demo --flags`: changes reach users by flags, with nothing deployed; the bad one is taken back by itself."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ferryman.cli.context import NOT_DONE, OK
from ferryman.cli.demo.flag_play import FlagResult, FlagStage
from ferryman.cli.demo.flag_script import ACTS, OPENING, RATE_PER_SECOND, REPLICAS, USERS
from ferryman.cli.demo.flag_show import ended_lines, exposure_line, summary
from ferryman.cli.demo.show import Show
from ferryman.cli.interrupts import uninterrupted

if TYPE_CHECKING:
    from ferryman.cli.context import Context


def run(context: Context) -> int:
    """Play all acts; 0 when each ended as it should and no request failed but by the bad change itself."""
    out = context.out
    context.interrupted = "the demo was ended; nothing is left running"
    given = context.args.folder
    folder = Path(given).absolute() if given else Path(tempfile.mkdtemp(prefix="ferryman-demo-"))
    began = time.monotonic()
    stage = FlagStage(folder, out.remark)
    results: list[FlagResult] = []
    try:
        stage.open()
        out.say(f"A small shop, {REPLICAS} instances behind Envoy on http://127.0.0.1:{stage.port}, in {folder}")
        if link := stage.dashboard():
            out.say(f"Watch it in a browser: {link}")
        with Show(out) as show:
            show.act(OPENING)
            stage.first(show.look, OPENING)
            out.say(f"{USERS:,} shoppers pay {RATE_PER_SECOND:g} times a second from now on.")
            for act in ACTS:
                show.act(act, exposure_line)
                results.append(stage.release_flag(act, show.look))
                show.close(ended_lines(results[-1]))
    finally:
        with uninterrupted():
            out.remark("ending the demo ...")
            stage.close(keep=context.args.keep)
    good = all(r.as_expected for r in results) and len(results) == len(ACTS)
    seconds = time.monotonic() - began
    out.emit(
        {
            "flags": [r.to_dict() for r in results],
            "client_requests": sum(r.client_requests for r in results),
            "client_failures": sum(r.client_failures for r in results),
            "seconds": round(seconds, 1),
            "state": str(folder / ".ferryman"),
            "ok": good,
        }
    )
    out.say(summary(results, folder, seconds, keep=context.args.keep))
    return OK if good else NOT_DONE
