"""A controller in a process of its own, to be killed: `controller.py STATE COUNT [OPTION OF THE TINY PROGRAM ...]`.

It prints a line with the ids once COUNT instances are ready, and then waits. With DIE_BEFORE_SPAWN or DIE_AFTER_SPAWN
in its environment it kills itself at that moment of its first start.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from contract.targets.rig import SETTINGS, Rig, revision, tiny
from ferryman.targets.process import ProcessTarget, spawn
from ferryman.targets.process.records import RecordFolder


def die(*arguments: object, **named: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(state: Path, count: int, options: list[str]) -> None:
    real = spawn.spawn
    if "DIE_BEFORE_SPAWN" in os.environ:
        spawn.spawn = die
    if "DIE_AFTER_SPAWN" in os.environ:
        spawn.spawn = lambda *given: die(real(*given))
    target = ProcessTarget(state, owner="killed", settings=SETTINGS)
    await target.start()
    rig = Rig(target)
    v1 = rig.add(revision("v1", tiny(*options)))
    await rig.apply({v1: count})
    ids = [one.id for one in await rig.ready(count)]
    records = RecordFolder(state / "processes" / "records")
    while any((found := records.load(one)) is None or found.ready_at is None for one in ids):
        await rig.pass_time(0.01)
    print(*ids, flush=True)
    await asyncio.sleep(60)


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
