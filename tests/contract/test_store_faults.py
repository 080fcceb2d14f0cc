"""The event log when things go wrong around it: killed writers, several processes, full and read-only disks."""

import asyncio
import contextlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract import store_process
from contract.store_kit import Kept, Scribe, note, opened, tally
from ferryman.model.errors import StoreError
from ferryman.model.rollout import Service
from ferryman.store.base import PAGE_MAX, Store
from ferryman.store.sqlite import SqliteStore

TESTS = Path(__file__).resolve().parents[1]
SERVICES = [f"s{number}" for number in range(8)]
KILLS = 4
DISK_BYTES = 4 * 1024 * 1024
BIG = "x" * 100_000


def start(path: Path, owner: str, services: list[str], rounds: int) -> subprocess.Popen[str]:
    paths = [str(TESTS), str(TESTS.parent / "src")]
    return subprocess.Popen(
        [sys.executable, store_process.__file__, str(path), owner, ",".join(services), str(rounds)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        text=True,
    )


def acknowledged(lines: list[str]) -> list[tuple[str, int, str]]:
    """Service, seq and hash of each whole line."""
    whole = [line.split() for line in lines if line.endswith("\n")]
    return [(service, int(seq), digest) for service, seq, digest in whole]


def check_prefix(path: Path, acks: list[tuple[str, int, str]]) -> dict[str, int]:
    """Everything that was acknowledged is there, each stream is whole, and appends were not torn. Returns their ends."""
    ends: dict[str, int] = {}

    async def body(store: Store) -> None:
        hashes = {(s.event.service, s.event.seq): s.hash for s in await store.events(limit=PAGE_MAX)}
        for service, seq, digest in acks:
            assert hashes.get((service, seq)) == digest, f"event {seq} of {service} was acknowledged"
        for loaded in await store.load_all():
            name, seq = loaded.service.name, loaded.service.seq
            assert await store.verify(name) == seq
            assert seq % 2 == 0, "both events of an append or none"
            ends[name] = seq
        assert sum(ends.values()) == len(hashes)

    asyncio.run(opened(SqliteStore(path, tally), body))
    return ends


@pytest.mark.real
def test_a_writer_killed_in_the_middle_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    acks: list[tuple[str, int, str]] = []
    ends: dict[str, int] = {}
    for kill in range(KILLS):
        process = start(path, f"owner{kill}", SERVICES, 0)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(60 + 37 * kill)]
        process.kill()
        lines += process.stdout.readlines()
        process.stdout.close()
        assert process.wait(timeout=10) == -9
        acks += acknowledged(lines)
        ends = check_prefix(path, acks)
        assert set(ends) == set(SERVICES)
    last = {service: seq for service, seq, _ in acks}
    for service, end in ends.items():
        assert last[service] <= end <= last[service] + 2, "at most the append that was under way besides"


@pytest.mark.real
def test_several_processes_share_a_file_that_none_of_them_found(tmp_path: Path) -> None:
    path, rounds = tmp_path / "events.db", 15
    processes = [start(path, owner, ["shared", "common", owner], rounds) for owner in ("one", "two", "three")]
    acks: list[tuple[str, int, str]] = []
    for process in processes:
        out, _ = process.communicate(timeout=90)
        assert process.returncode == 0
        acks += acknowledged(out.splitlines(keepends=True))
    ends = check_prefix(path, acks)
    assert ends == {
        "shared": 6 * rounds,
        "common": 6 * rounds,
        "one": 2 * rounds,
        "two": 2 * rounds,
        "three": 2 * rounds,
    }


@contextlib.contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """A file system of its own in memory, mounted in `folder`."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system; the file size limit test covers the rest")
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "ferryman-test", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        pytest.skip(f"this container may not mount a small file system: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], timeout=20, check=True)


def fill(path: Path) -> None:
    """Take every byte that is left."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    left = os.statvfs(path.parent)
    assert left.f_bavail == 0


async def write_until_refused(scribe: Scribe, text: str) -> StoreError:
    for _ in range(500):
        try:
            await scribe.write(note(text))
        except StoreError as error:
            return error
    pytest.fail("the disk took all of it")


def test_a_full_disk_refuses_writes_and_takes_them_again_when_there_is_room(tmp_path: Path) -> None:
    async def body(store: Store) -> None:
        scribe, cart = await Scribe.of(store), await Scribe.of(store, "cart")
        (disk / "others").write_bytes(b"\0" * (DISK_BYTES // 2))
        error = await write_until_refused(scribe, BIG)
        assert error.code == "disk_full"
        assert str(disk) in error.message
        assert str(disk) in error.hint
        fill(disk / "rest")
        for writer in (scribe, cart):
            assert (await write_until_refused(writer, "small")).code == "disk_full"
        for writer in (scribe, cart):
            name = writer.lease.service
            assert (await store.load(name)).service == writer.service, "reading goes on, and what was told is there"
            assert await store.verify(name) == writer.service.seq
        (disk / "others").unlink()
        await asyncio.gather(*(writer.write(note(BIG)) for writer in (scribe, cart)))
        ends.update({writer.lease.service: writer.service for writer in (scribe, cart)})

    async def again(store: Store) -> None:
        for name, state in ends.items():
            assert (await store.load(name)).service == state
            assert await store.verify(name) == state.seq

    ends: dict[str, Service] = {}
    with small_disk(tmp_path / "disk", DISK_BYTES) as disk:
        asyncio.run(opened(SqliteStore(disk / "events.db", tally), body))
        asyncio.run(opened(SqliteStore(disk / "events.db", tally), again))


def test_a_new_log_on_a_full_disk_is_refused_until_there_is_room(tmp_path: Path) -> None:
    async def body(store: Store) -> None:
        await (await Scribe.of(store)).write(note())
        assert await store.verify("shop") == 1

    with small_disk(tmp_path / "disk", DISK_BYTES) as disk:
        fill(disk / "filler")
        store = SqliteStore(disk / "events.db", tally)
        with pytest.raises(StoreError) as caught:
            asyncio.run(store.open())
        assert caught.value.code == "disk_full"
        (disk / "filler").unlink()
        asyncio.run(opened(store, body))


def test_a_file_size_limit_is_survived(tmp_path: Path) -> None:
    """For those who cannot mount: the operating system refuses to let the files grow, then allows it again."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def body(store: Store) -> None:
        scribe = await Scribe.of(store)
        await scribe.write(note("first"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
        try:
            error = await write_until_refused(scribe, BIG)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert error.code in {"disk_full", "store_failed"}
        assert str(tmp_path) in error.message
        await scribe.write(note("last"))
        assert await store.verify("shop") == scribe.service.seq

    Kept("sqlite", tmp_path).run(body)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody may write in `folder`; for root, whom rights do not stop, by mounting it read-only."""
    if os.geteuid() != 0:
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(0o755)
        return
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], timeout=20, check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], timeout=20, check=True)


@contextlib.contextmanager
def state_folder(folder: Path) -> Iterator[Path]:
    if os.geteuid() == 0:
        with small_disk(folder, DISK_BYTES) as disk:
            yield disk
    else:
        folder.mkdir()
        yield folder


def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    async def body(store: Store) -> None:
        await (await Scribe.of(store)).write(note())

    with state_folder(tmp_path / "state") as folder:
        kept = Kept("sqlite", folder)
        with read_only(folder):
            for path in (kept.path, folder / "deeper" / "events.db"):
                with pytest.raises(StoreError) as caught:
                    asyncio.run(SqliteStore(path, tally).open())
                assert caught.value.code == "store_read_only"
                assert str(folder) in caught.value.message
                assert "writable" in caught.value.hint
        kept.run(body)
        with read_only(folder):
            began = time.monotonic()
            with pytest.raises(StoreError) as caught:
                asyncio.run(kept.again().open())
            assert caught.value.code == "store_read_only"
            assert time.monotonic() - began < 5
        kept.run(body)
