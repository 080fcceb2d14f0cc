"""`ferry flags` against the real API over a controller's real flags."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from ferryman.cli.main import main
from ferryman.engine.flags.evaluations import Cell, Tally
from ferryman.engine.flags.service import FlagService
from ferryman.flags.hashing import bucket_of
from ferryman.model.settings import FlagApproval
from ferryman.store.tallies import Tallied
from flagkit import rollout
from unit.api.fake_controller import FakeController, serving
from unit.api.test_flags import CHECKOUT


class Ferry:
    """One project with a controller; `ask` gives exit code, standard output, standard error."""

    def __init__(self, project: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.project = project
        self.file = project / "flags.yaml"
        self._capture = capture

    def ask(self, *words: str) -> tuple[int, str, str]:
        self._capture.readouterr()
        code = main(["--project", str(self.project), "--actor", "ana", "flags", *words])
        said = self._capture.readouterr()
        return code, said.out, said.err

    def json(self, *words: str) -> Any:
        code, out, err = self.ask(*words, "--json")
        assert code == 0, err
        return json.loads(out)

    def write(self, exposure: float, seed: str = "s", *words: str) -> tuple[int, str, str]:
        self.file.write_text(CHECKOUT % (exposure, seed))
        return self.ask("set", str(self.file), *words)


@pytest.fixture
def fake() -> FakeController:
    return FakeController()


@pytest.fixture
def ferry(tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: FakeController) -> Iterator[Ferry]:
    (tmp_path / "ferryman.yaml").write_text("service: shop\n")
    with serving(fake, tmp_path):
        made = Ferry(tmp_path, capsys)
        assert made.write(10)[0] == 0
        yield made


def test_a_file_is_planned_and_written(ferry: Ferry) -> None:
    ferry.file.write_text(CHECKOUT % (25, "s"))
    code, out, _ = ferry.ask("plan", str(ferry.file), "--env", "prod")
    assert (code, out.strip()) == (
        0,
        "new-checkout  prod  exposure 10 % -> 25 %  0 exposed users would change; 15 % become exposed",
    )
    code, out, _ = ferry.write(25, "s", "--env", "prod", "--reason", "all is well")
    assert (code, out.splitlines()[-1]) == (0, "version 2: 1 flag changed")
    assert ferry.write(25, "s", "--env", "prod")[1].splitlines() == ["nothing changes", "nothing changed"]
    assert ferry.json("history", "new-checkout")[-1]["reason"] == "all is well"


def test_what_no_program_evaluates_for_a_month_is_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ferryman.yaml").write_text("service: shop\n")
    (tmp_path / "app.py").write_text('client.bool("new-checkout")\nclient.float("limit")\n')
    month_ago, fake = time.time() - 40 * 86_400, FakeController()
    fake.flags = FlagService(lambda: month_ago)
    fake.flags._journal = fake.store
    with serving(fake, tmp_path):
        ferry = Ferry(tmp_path, capsys)
        assert ferry.write(10)[0] == 0
        assert ferry.ask("stale", str(ferry.file))[:2] == (0, "no flag has outlived its work\n")
        fake.flags._now = time.time
        fake.flags.evaluations.begin([], [Tallied("prod", "new-checkout", int(month_ago), int(month_ago))], time.time())
        code, out, _ = ferry.ask("stale", str(ferry.file))
        assert (code, "no program asked for `new-checkout` in prod for 30 days" in out) == (1, True)
    assert "is not looked at" in ferry.ask("stale", str(ferry.file))[2]


def test_a_file_that_is_far_too_large_is_not_even_sent(ferry: Ferry) -> None:
    ferry.file.write_text("# x\n" * 2_200_000)
    code, _, err = ferry.ask("set", str(ferry.file))
    assert (code, "has more than 8 MiB" in err) == (2, True)


def test_moving_users_takes_a_word(ferry: Ferry) -> None:
    ferry.file.write_text(CHECKOUT % (10, "other"))
    code, out, _ = ferry.ask("plan", str(ferry.file), "--env", "prod", "--env", "staging")
    assert code == 1
    assert "exposed users would change; " in out
    assert "needs --rebucket" in out
    code, _, err = ferry.write(10, "other")
    assert code == 2
    assert "--rebucket" in err
    assert ferry.write(10, "other", "--rebucket")[0] == 0


def test_a_wrong_file_is_told_with_places(ferry: Ferry) -> None:
    code, _, err = ferry.write(120)
    assert code == 2
    assert "flags.yaml:9:" in err
    code, out, _ = ferry.ask("lint", str(ferry.file))
    assert code == 1
    assert "`120` is outside 0 to 100" in out
    ferry.file.write_text(CHECKOUT % (10, "s") + "segments: {unused: beta}\n")
    code, out, _ = ferry.ask("lint", str(ferry.file))
    assert (code, out.splitlines()[-1]) == (0, "0 errors, 1 warning")
    assert ferry.ask("lint", str(ferry.file), "--strict")[0] == 1
    assert ferry.ask("lint", str(ferry.project / "nowhere"))[0] == 2


def test_a_flag_is_rolled_out_disabled_and_brought_back(ferry: Ferry) -> None:
    code, out, err = ferry.ask("rollout", "new-checkout", "50%", "--dry-run")
    assert (code, "40 % become exposed" in out, "nothing was written" in err) == (0, True, True)
    assert ferry.ask("rollout", "new-checkout", "50")[0] == 0
    assert ferry.ask("rollout", "new-checkout", "--state", "disabled")[0] == 0
    assert ferry.json("show", "new-checkout")["summary"]["state"] == "disabled"
    code, _, err = ferry.ask("revert", "new-checkout")
    assert code == 0, err
    assert ferry.json("show", "new-checkout")["summary"]["exposed_percent"] == 50.0
    assert ferry.ask("revert", "new-checkout", "1", "--reason", "too soon")[0] == 0
    assert ferry.json("show", "new-checkout")["summary"]["exposed_percent"] == 10.0
    code, out, _ = ferry.ask("diff", "new-checkout", "--from", "1", "--to", "2")
    assert "-  rollout: {seed: s, split: {on: 100}, exposure: 10}" in out
    assert "+  rollout: {seed: s, split: {on: 100}, exposure: 50}" in out
    assert "are the same" in ferry.ask("diff", "new-checkout", "--from", "1")[1]
    for words in (("rollout", "new-checkout"), ("rollout", "new-checkout", "many"), ("rollout", "nowhere", "5")):
        assert ferry.ask(*words)[0] == 2, words


def test_a_kill_and_its_end(ferry: Ferry) -> None:
    assert ferry.ask("kill", "limit", "--reason", "S3 is down")[1] == "limit in prod is killed: everybody gets low\n"
    assert "killed by ana" in ferry.ask("show", "limit")[1]
    assert ferry.ask("unkill", "limit")[1] == "limit in prod is enabled, 100 % exposed\n"
    code, _, err = ferry.ask("kill", "limits")
    assert (code, "there is no flag 'limits' in prod" in err) == (2, True)


def test_lists_name_what_there_is(ferry: Ferry) -> None:
    out = ferry.ask("list")[1]
    assert [line.split()[:4] for line in out.splitlines()[1:]] == [
        ["limit", "ops", "enabled", "100"],
        ["new-checkout", "release", "enabled", "10"],
    ]
    assert ferry.ask("list", "--env", "dev")[1].strip() == "there are no flags in dev; there are some in prod, staging"
    assert ferry.ask("list", "--env", "a", "--env", "b")[0] == 2
    assert ferry.ask("delete", "limit", "--env", "staging")[0] == 0
    assert len(ferry.json("list", "--env", "staging")["flags"]) == 1


def test_evaluations_are_explained(ferry: Ferry) -> None:
    assert ferry.ask("eval", "new-checkout", "--user", "ana")[1] == "true\n"
    assert ferry.ask("explain", "new-checkout", "--user", "ana")[1].splitlines() == [
        "->  rule 1  one of 1 allowed: on",
        "new-checkout: on (TARGETING_MATCH)",
    ]
    outside = next(f"u{n}" for n in range(99) if bucket_of(rollout(10, seed="s"), f"u{n}") >= 10_000)
    out = ferry.ask("explain", "new-checkout", "--user", outside, "-c", "app.version=2", "-c", "plan=pro")[1]
    assert "of 10000 to 100000, not exposed: off" in out
    assert ferry.ask("eval", "limit", "-c", "nonsense")[0] == 2
    assert ferry.ask("eval", "limit", "-c", "a=1", "-c", "a.b=2")[0] == 2


def test_an_export_runs_in_flagd_and_as_a_file(ferry: Ferry) -> None:
    core = FlagdCore()
    core.set_flags(ferry.ask("export")[1])
    assert core.resolve_boolean_value("new-checkout", default_value=False, ctx=EvaluationContext("ana")).value is True
    ferry.file.write_text(ferry.ask("export", "--format", "yaml", "--env", "staging")[1])
    assert ferry.ask("plan", str(ferry.file), "--env", "staging")[1] == "nothing changes\n"


def test_a_write_that_waits_is_agreed_to_by_somebody_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake = FakeController()
    fake.flags = FlagService(time.time, (FlagApproval("prod"),))
    fake.flags._journal = fake.store
    with serving(fake, tmp_path):
        ferry = Ferry(tmp_path, capsys)
        assert ferry.ask("requests")[1] == "nothing waits for people to agree\n"
        out = ferry.write(10, "s", "--env", "prod")[1]
        assert out.splitlines()[-1] == "request 1 waits for people to agree: `ferry flags approve 1`"
        assert ferry.ask("requests")[1].splitlines()[1].split()[:2] == ["1", "open"]
        code, _, err = ferry.ask("approve")
        assert (code, "asked for it" in err) == (2, True), "another name over the socket is not another person"
        assert ferry.ask("deny", "1")[1] == "request 1 is denied\n"
        assert ferry.ask("approve")[0] == 2
        assert len(ferry.json("requests", "--all")) == 1


def test_every_flag_in_every_environment(ferry: Ferry) -> None:
    _, out, _ = ferry.ask("board")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["FLAG", "KIND", "PROD", "STAGING", "OWNER", "EXPIRES"]
    assert lines[2] == ["new-checkout", "release", "10", "%", "+1", "on", "+1", "payments", "2027-03-31"]
    assert ferry.ask("board", "--stale")[1].strip() == "no flag has outlived its work"
    assert ferry.ask("rollout", "new-checkout", "100")[0] == 0
    ferry.ask("kill", "limit")
    _, out, _ = ferry.ask("board")
    assert "should go" in out
    assert "killed" in out
    found = ferry.json("board", "--stale")
    assert [(row["key"], row["stale"][0]["code"]) for row in found] == [("new-checkout", "decided")]
    assert "ferry flags remove new-checkout --value true" in ferry.ask("board", "--stale")[1]


def test_how_often_variants_are_given_and_by_whom(ferry: Ferry, fake: FakeController) -> None:
    assert ferry.ask("evaluations", "limit")[1].strip() == "nobody asked within the last hour"
    now = time.time()
    counted = [
        (Cell("prod", "limit", name, int(now)), Tally(number, 4, 1)) for name, number in (("high", 30), ("", 10))
    ]
    fake.flags.evaluations.add(counted, now)
    fake.flags.askers.told("prod", "storefront", {"limit": 40}, 7, now)
    lines = [" ".join(line.split()) for line in ferry.ask("evaluations", "limit")[1].splitlines()]
    assert lines[1:3] == ["(default in code) 10 25 % 4 1", "high 30 75 % 4 1"]
    assert lines[-1].startswith("storefront")
    assert lines[-1].endswith("40 7")
    found = ferry.json("evaluations", "limit")
    assert (len(found["minutes"]), found["askers"][0]["program"]) == (2, "storefront")
