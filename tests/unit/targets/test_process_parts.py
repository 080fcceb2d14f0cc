"""The parts of the process target that need no process: health, logs, ports, figures, what is started."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.model.revision import Health, Revision, Run
from ferryman.model.seen import InstanceState
from ferryman.targets.process import spawn
from ferryman.targets.process.folder import StateFolder
from ferryman.targets.process.logs import LogFolder, last_words, masked, secret_values
from ferryman.targets.process.ports import NoPortError, PortPool, outside
from ferryman.targets.process.probing import HealthTrack
from ferryman.targets.process.procfs import TICKS_PER_SECOND, Stat
from ferryman.targets.process.records import SAFE_ID
from ferryman.targets.process.settings import ProcessSettings
from ferryman.targets.process.signals import Exit
from ferryman.targets.process.usage import Sampler
from support import free_ports

READY, STARTING, UNREADY = InstanceState.READY, InstanceState.STARTING, InstanceState.UNREADY


def states(track: HealthTrack, outcomes: str, step_seconds: float = 1.0) -> list[InstanceState]:
    """The state after each probe, a second apart; `+` is a success."""
    seen: list[InstanceState] = []
    for number, outcome in enumerate(outcomes):
        track.add(None if outcome == "+" else "no answer", number * step_seconds)
        seen.append(track.state)
    return seen


def test_ready_takes_an_unbroken_row() -> None:
    assert states(HealthTrack(2.0), "-++-+++") == [STARTING] * 6 + [READY]
    assert states(HealthTrack(0.0), "+") == [READY]


def test_one_or_two_lost_answers_change_nothing_and_recovery_takes_two() -> None:
    assert states(HealthTrack(0.0), "+--+--") == [READY] * 6
    assert states(HealthTrack(5.0, READY), "---+-++") == [READY, READY, *[UNREADY] * 4, READY]


def test_the_next_probe_comes_when_it_may_become_ready() -> None:
    track = HealthTrack(1.25)
    assert track.wait_seconds(0.5, 0.0) == 0.5
    track.add(None, 10.0)
    assert track.wait_seconds(0.5, 10.0) == 0.5
    assert track.wait_seconds(0.5, 11.0) == 0.25
    track.add(None, 11.25)
    assert track.state is READY
    assert track.wait_seconds(0.5, 11.25) == 0.5


@given(st.lists(st.text(alphabet="ab é", max_size=40), max_size=60), st.integers(1, 70))
def test_the_end_of_a_log_is_read_like_the_whole(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], n: int
) -> None:
    folder = LogFolder(tmp_path_factory.mktemp("logs"))
    folder.path("i").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    assert folder.tail("i", n) == "".join(f"{line}\n" for line in lines[-n:])


def test_a_tail_spans_parts_and_blocks_and_stays_within_its_limit(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path, rotate_bytes=300_000)
    path = folder.path("i")
    for start in range(0, 10_000, 5000):
        with path.open("a") as file:
            file.writelines(f"{number:07d} {'y' * 60}\n" for number in range(start, start + 5000))
        assert folder.rotate("i")
        assert path.stat().st_size == 0
        assert not folder.rotate("i")
    path.write_text("last\n")
    text = folder.tail("i", 7001).splitlines()
    assert [line[:7] for line in (text[0], text[-2], text[-1])] == ["0003000", "0009999", "last"]
    path.write_text("".join(f"{number:09d}\n" for number in range(300_000)))
    text = folder.tail("i", 10**9)
    assert len(text.splitlines()) == 10_000
    path.write_text("SECRET" + "z" * 1_048_570 + "\nend\n")
    assert folder.tail("i", 5).endswith("end\n")
    assert "SECRET" not in folder.tail("i", 5)


def test_four_old_parts_are_kept(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path, rotate_bytes=1, kept=4)
    for number in range(7):
        folder.path("i").write_text(f"{number}")
        folder.rotate("i")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["i.log", "i.log.1", "i.log.2", "i.log.3", "i.log.4"]
    assert (tmp_path / "i.log.1").read_text() == "6"
    assert (tmp_path / "i.log.4").read_text() == "3"


def test_logs_of_the_ended_are_bounded(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path)
    for number in range(105):
        folder.path(f"i-{number}").write_text("x")
        os.utime(folder.path(f"i-{number}"), (number, number))
    folder.prune({"i-0"})
    left = {path.stem for path in tmp_path.iterdir()}
    assert len(left) == 101
    assert "i-0" in left
    assert "i-1" not in left


def test_secrets_are_hidden_whole_by_line_and_the_longest_first() -> None:
    values = secret_values(["A", "B", "C"], {"A": "hush-hush", "B": "hush", "C": "1"}, {"A": "line one\nline two"})
    assert masked("hush-hush, hush, 1, line two", values) == "***, ***, 1, ***"


def test_last_words_are_short() -> None:
    assert last_words("a\n\nb\nc\n\nd\n") == "b | c | d"
    assert len(last_words("x" * 5000)) == 403


def test_ports_rest_and_are_never_those_of_outgoing_connections() -> None:
    assert outside(range(10, 20), range(12, 18)) == (10, 11, 18, 19)
    a, b = free_ports(2)
    pool = PortPool((a, b), reuse_seconds=60.0)
    assert {pool.take(0.0), pool.take(0.0)} == {a, b}
    pool.release(a, 100.0)
    with pytest.raises(NoPortError, match="no free port"):
        pool.take(159.0)
    with socket.create_server(("127.0.0.1", a)), pytest.raises(NoPortError):
        pool.take(161.0)
    assert pool.take(161.0) == a


def test_default_ports_lie_outside_the_range_of_outgoing_connections() -> None:
    low, high = (int(word) for word in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    if low > 29_999:
        assert not low <= PortPool().take(0.0) <= high


def test_figures_are_summed_over_the_session_and_survive_an_ended_child() -> None:
    def process(pid: int, session: int, cpu: float, memory: int, start: int = 1) -> Stat:
        return Stat(pid, session, start, int(cpu * TICKS_PER_SECOND), memory, dead=False)

    sampler = Sampler()
    first = sampler.sample([process(1, 1, 5.0, 10), process(2, 1, 9.0, 20), process(9, 9, 1.0, 1)], {1}, at=100.0)
    assert {session: (one.cpu_percent, one.memory_bytes) for session, one in first.items()} == {1: (None, 30)}
    # The child has ended, another one with its number came and used half a second since.
    second = sampler.sample([process(1, 1, 6.0, 10), process(2, 1, 0.5, 7, start=2)], {1, 9}, at=102.0)
    assert second[1].cpu_percent == pytest.approx(75.0)
    assert second[1].memory_bytes == 17
    assert 9 not in second


def make(**run: object) -> Revision:
    content = Run(command=("serve", "--port={port}", "{port}"), directory="/srv", **run)  # type: ignore[arg-type]
    return Revision("r1", "v1", "0" * 64, content, Health())


def test_what_is_started_is_put_together_without_starting_it(tmp_path: Path) -> None:
    made = make(env={"A": "1", "PORT": "9"}, secrets=("S",))
    assert spawn.build_command(made.run, 123) == ["serve", "--port=123", "123"]
    assert spawn.working_directory(made.run, tmp_path) == Path("/srv")
    base = {"S": "x", "HOME": "/h", "PORT": "1", "FERRYMAN_X": "no", "FERRYMAN_TEST_RUN": "t", "A": "0"}
    built = spawn.build_environment(base, made, service="shop", instance="v1-0001", port=123, state_id="abc")
    assert built == {
        "S": "x",
        "HOME": "/h",
        "A": "1",
        "PORT": "123",
        "HOST": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
        "FERRYMAN_TEST_RUN": "t",
        "FERRYMAN_REVISION": "v1",
        "FERRYMAN_REVISION_ID": "r1",
        "FERRYMAN_SERVICE": "shop",
        "FERRYMAN_INSTANCE": "v1-0001",
        "FERRYMAN_STATE": "abc",
    }
    with pytest.raises(spawn.StartError, match="secret S is not set"):
        spawn.build_environment({}, made, service="shop", instance="v1-0001", port=1, state_id="abc")


@given(st.text(max_size=60))
def test_ids_are_safe_names_whatever_the_label(label: str) -> None:
    folder = StateFolder(Path("/nonexistent"), ProcessSettings())
    assert SAFE_ID.fullmatch(folder.new_id(label, ()))


def test_how_it_ended_is_said_in_words() -> None:
    assert str(Exit(status=3)) == "exited with status 3"
    assert str(Exit(signal=9)) == "ended by SIGKILL"
    assert str(Exit(signal=35)) == "ended by signal 35"
    assert str(Exit()) == "ended"
