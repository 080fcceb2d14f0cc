"""`ferry demo`: everything at work in two minutes, on real processes behind a real Envoy."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ferryman.cli.context import NOT_DONE, OK
from ferryman.cli.demo import flags
from ferryman.cli.demo.play import Result, Stage
from ferryman.cli.demo.script import ACTS, CONNECTIONS, OPENING, RATE_PER_SECOND, REPLICAS
from ferryman.cli.demo.show import Show, summary
from ferryman.cli.interrupts import uninterrupted

if TYPE_CHECKING:
    from ferryman.cli.context import Context


def run(context: Context) -> int:
    """Play all acts; 0 when each ended as it should and no request failed."""
    if context.args.flags:
        return flags.run(context)
    out = context.out
    context.interrupted = "the demo was ended; nothing is left running"
    given = context.args.folder
    folder = Path(given).absolute() if given else Path(tempfile.mkdtemp(prefix="ferryman-demo-"))
    began = time.monotonic()
    stage = Stage(folder, out.remark)
    results: list[Result] = []
    try:
        stage.open()
        out.say(f"A small shop, {REPLICAS} instances behind Envoy on http://127.0.0.1:{stage.port}, in {folder}")
        if link := stage.dashboard():
            out.say(f"Watch it in a browser: {link}")
        with Show(out) as show:
            show.act(OPENING)
            stage.first(show.look)
            out.say(f"A client asks {RATE_PER_SECOND:g} times a second over {CONNECTIONS} connections from now on.")
            for act in ACTS:
                show.act(act)
                results.append(stage.play(act, show.look))
                show.ended(results[-1])
    finally:
        with uninterrupted():
            out.remark("ending the demo ...")
            stage.close(keep=context.args.keep)
    good = all(r.as_expected for r in results) and len(results) == len(ACTS)
    seconds = time.monotonic() - began
    out.emit(
        {
            "releases": [r.to_dict() for r in results],
            "client_requests": sum(r.client_requests for r in results),
            "client_failures": sum(r.client_failures for r in results),
            "seconds": round(seconds, 1),
            "state": str(folder / ".ferryman"),
            "ok": good,
        }
    )
    out.say(summary(results, folder, seconds, keep=context.args.keep))
    return OK if good else NOT_DONE
