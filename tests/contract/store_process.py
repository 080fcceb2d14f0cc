"""A controller of its own process that only writes: `store_process.py FILE OWNER SERVICES ROUNDS`.

SERVICES is a comma-separated list. Each line it prints is an append that came back: service, seq and hash of its last
event. It takes the lease, appends two events and gives the lease back, ROUNDS times for each service (0: for ever).
"""

import asyncio
import os
import sys
import time
from pathlib import Path

from contract.store_kit import after, note, tally
from ferryman.model.errors import Conflict
from ferryman.store.base import Append, Store
from ferryman.store.sqlite import SqliteStore

LEASE_SECONDS = 0.5
TRY_AGAIN_SECONDS = 0.002
DEADLINE_SECONDS = 60.0


async def write(store: Store, service: str, owner: str, rounds: int) -> None:
    done = 0
    while not rounds or done < rounds:
        try:
            lease = await store.claim(service, owner, time.time(), LEASE_SECONDS)
        except Conflict:
            await asyncio.sleep(TRY_AGAIN_SECONDS)
            continue
        known = (await store.load(service)).service
        drafts = (note(f"{owner} {done}", actor=owner), note("x" * 500, actor=owner))
        try:
            told = await store.append(
                Append(lease, known.seq, 1.0, drafts, after(known, 1.0, drafts), judge_state=owner)
            )
        except Conflict as error:
            if error.code != "stale_fence":  # who holds the lease is alone
                raise
            continue
        os.write(1, f"{service} {told[-1].event.seq} {told[-1].hash}\n".encode())
        await store.release(lease)
        done += 1


async def main(path: Path, owner: str, services: list[str], rounds: int) -> None:
    store = SqliteStore(path, tally)
    await store.open()
    async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as group:
        for service in services:
            group.create_task(write(store, service, owner, rounds))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(","), int(sys.argv[4])))
