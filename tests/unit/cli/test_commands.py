"""Commands against the real API over a controller that remembers: what is asked, what is said, how it ends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ferryman.cli import follow
from ferryman.cli.commands.logs import new_lines
from ferryman.cli.main import main
from ferryman.core.phases import Verb
from ferryman.model.errors import Refused, StoreError
from ferryman.model.view import AnswerView, RolloutSummary
from unit.api.fake_controller import FakeController, serving
from unit.cli.samples import AT, CANARY, DEGRADED, DOWN, PROMOTED, ROLLED_BACK, ROLLOUT, event

DOCUMENT = """\
service: shop
version: v2
run: {command: [python3, app.py]}
replicas: 4
health: {http: /healthz}
traffic: {port: 8080}
"""
Said = pytest.CaptureFixture[str]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeController]:
    """A running controller of the present folder, which has a release file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(follow, "LONG_POLL_SECONDS", 0.05)
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.02)
    (tmp_path / "ferryman.yaml").write_text(DOCUMENT)
    fake = FakeController()
    with serving(fake, tmp_path):
        yield fake


def asked(fake: FakeController, name: str) -> tuple[Any, ...]:
    return next(call for call in reversed(fake.calls) if call[0] == name)


class TestDeploy:
    def test_it_waits_for_promotion(self, fake: FakeController, capsys: Said) -> None:
        fake.services = {"shop": ROLLED_BACK}
        fake.script = [ROLLED_BACK, CANARY, CANARY, CANARY, PROMOTED]
        later = (event(5, "step '50%', exposure up to 50%"), event(6, "promoted after 94.0 s: all steps passed"))
        threading.Timer(0.1, lambda: fake.log.extend(later)).start()
        assert main(["deploy", "--actor", "ana", "--reason", "prices"]) == 0
        assert asked(fake, "deploy") == ("deploy", "ferryman.yaml", "ana", "", "prices")
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "shop v2: supersedes v1"
        assert lines[-1] == "Promoted: serving v2 (healthy) after 1m34s, was v1"
        assert sum("50%" in line for line in lines) == 1

    def test_base_is_the_rollout_it_saw(self, fake: FakeController) -> None:
        assert main(["deploy", "--no-wait"]) == 0
        assert asked(fake, "deploy")[3] == "shop-2"
        assert main(["deploy", "--no-wait", "--over"]) == 0
        assert asked(fake, "deploy")[3] is None

    def test_base_of_a_service_nobody_knows_is_nothing(self, fake: FakeController, tmp_path: Path) -> None:
        fake.answer = AnswerView("shop", "unchanged", None, changed=False)
        (tmp_path / "other.yaml").write_text(DOCUMENT.replace("service: shop", "service: till"))
        assert main(["deploy", "-f", "other.yaml"]) == 0
        assert asked(fake, "deploy")[3] == ""

    def test_taken_back_is_exit_1_with_the_reason(self, fake: FakeController, capsys: Said) -> None:
        fake.script = [PROMOTED, CANARY, ROLLED_BACK]
        assert main(["deploy", "-q"]) == 1
        expected = "Rolled back: serving v1 (healthy); v2 rejected: errors: candidate 61 errors in 204 requests\n"
        assert capsys.readouterr().out == expected

    def test_instances_that_do_not_come_up_show_their_last_words(self, fake: FakeController, capsys: Said) -> None:
        rollout = replace(ROLLOUT, phase="rolled_back", cause_kind="breaker", reason="3 instances failed", ended_at=AT)
        fake.script = [PROMOTED, CANARY, replace(ROLLED_BACK, rollout=rollout)]
        assert main(["deploy"]) == 1
        out = capsys.readouterr().out
        assert "--- last lines of v2-1:\nlistening\nTraceback: no database\n---" in out
        assert asked(fake, "logs")[3] == "v2"

    def test_promoted_but_degraded_is_exit_1(self, fake: FakeController, capsys: Said) -> None:
        fake.script = [PROMOTED, CANARY, DEGRADED]
        assert main(["deploy"]) == 1
        assert "Promoted: serving v2 (degraded: v2 has 1 of 4" in capsys.readouterr().out

    def test_too_late_is_exit_3_and_stops_nothing(self, fake: FakeController, capsys: Said) -> None:
        fake.services = {"shop": CANARY}
        assert main(["deploy", "--timeout", "0.2"]) == 3
        out = capsys.readouterr().out
        assert "Still analysing after 0.2s" in out
        assert "ferry abort shop" in out
        assert not [call for call in fake.calls if call[0] == "verb"]

    def test_superseded_is_exit_1(self, fake: FakeController, capsys: Said) -> None:
        other = replace(CANARY, rollout=replace(ROLLOUT, id="shop-3", candidate="v3"))
        fake.script = [PROMOTED, CANARY, other]
        summary = RolloutSummary(
            "shop-2", 2, "deploy", "canary", "v2", "v1", "superseded", "superseded by shop-3", AT, "ana", AT, 9.0, None, 5.0, 1
        )  # fmt: skip
        fake.summaries = (summary,)
        assert main(["deploy"]) == 1
        assert "Superseded: serving v1 (healthy); v2 gave way: superseded by shop-3" in capsys.readouterr().out

    def test_queued_is_waited_for(self, fake: FakeController) -> None:
        queued = replace(CANARY, rollout=replace(ROLLOUT, id="shop-1", candidate="v1"), queue=("shop-2",))
        fake.script = [queued, queued, queued, CANARY, PROMOTED]
        assert main(["deploy"]) == 0

    def test_json_is_one_object(self, fake: FakeController, capsys: Said) -> None:
        fake.script = [PROMOTED, CANARY, ROLLED_BACK]
        assert main(["deploy", "--json"]) == 1
        out, err = capsys.readouterr()
        said = json.loads(out)
        assert (said["outcome"], said["exit"], said["rollout"]["id"]) == ("rolled_back", 1, "shop-2")
        assert said["view"]["serving"] == "v1"
        assert err == ""

    def test_a_refusal_is_exit_2(self, fake: FakeController, capsys: Said) -> None:
        fake.fails["deploy"] = Refused("stale_base", "another release came first", hint="look at `ferry status`")
        assert main(["deploy"]) == 2
        assert capsys.readouterr().err == "error: another release came first\nhint: look at `ferry status`\n"

    def test_a_bad_file_is_exit_2_and_asks_nobody(self, fake: FakeController, tmp_path: Path, capsys: Said) -> None:
        (tmp_path / "ferryman.yaml").write_text(DOCUMENT + "nonsense: 1\n")
        assert main(["deploy"]) == 2
        assert "ferryman.yaml:7:1: error: nonsense" in capsys.readouterr().err
        assert main(["deploy", "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["problems"][0]["line"] == 7
        assert not [call for call in fake.calls if call[0] == "deploy"]

    def test_what_cannot_be_had_is_exit_1_and_asks_nobody(
        self, fake: FakeController, tmp_path: Path, capsys: Said
    ) -> None:
        text = "service: w\nrun: {command: [a]}\nreplicas: 4\nstrategy:\n  canary: {steps: [0.3, 100]}\n"
        (tmp_path / "ferryman.yaml").write_text(text)
        assert main(["deploy"]) == 1
        assert "0.3% cannot be had" in capsys.readouterr().err
        assert not [call for call in fake.calls if call[0] == "deploy"]

    def test_an_interrupt_says_what_goes_on(
        self, fake: FakeController, capsys: Said, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("ferryman.cli.waiting.follow", interrupted)
        assert main(["deploy"]) == 130
        err = capsys.readouterr().err
        assert "the rollout of shop goes on; watch it with `ferry status shop -w`" in err
        assert "take it back with `ferry abort shop`" in err
        assert main(["status"]) == 0, "the controller lives on"


@pytest.mark.parametrize("verb", ["promote", "pause", "resume", "restart", "abort"])
def test_a_verb_is_asked_and_answered(fake: FakeController, capsys: Said, verb: str) -> None:
    fake.answer = AnswerView("shop", "done so", "shop-2", changed=True)
    assert main([verb, "--reason", "why", "--actor", "ana"]) == 0
    assert asked(fake, "verb") == ("verb", "shop", Verb(verb), "ana", "why", False)
    assert capsys.readouterr().out == "shop: done so\n"
    assert main([verb, "shop", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == "done so"


def test_promote_in_full(fake: FakeController) -> None:
    assert main(["promote", "--full"]) == 0
    assert asked(fake, "verb")[2] is Verb.FULL


def test_retry_waits_and_may_be_full(fake: FakeController) -> None:
    fake.script = [ROLLED_BACK, CANARY, PROMOTED]
    assert main(["retry", "--full"]) == 0
    assert asked(fake, "verb")[2:] == (Verb.RETRY, asked(fake, "verb")[3], "", True)


def test_undo_takes_its_options(fake: FakeController) -> None:
    assert main(["undo", "--to", "v1", "--with-steps", "--force", "--no-wait", "--actor", "ana"]) == 0
    assert asked(fake, "undo") == ("undo", "shop", "ana", "", "v1", True, True)


def test_an_awaited_abort_is_done_when_the_old_version_serves(fake: FakeController, capsys: Said) -> None:
    fake.script = [CANARY, CANARY, ROLLED_BACK]
    assert main(["abort", "-w"]) == 0
    assert "Rolled back: serving v1 (healthy); v2 taken back" in capsys.readouterr().out


def test_a_refused_verb_names_what_is_legal(fake: FakeController, capsys: Said) -> None:
    fake.fails["verb"] = Refused("not_running", "cannot abort: shop-2 is promoted", ("deploy", "undo"))
    assert main(["abort"]) == 2
    assert capsys.readouterr().err == "error: cannot abort: shop-2 is promoted\nhint: legal now: deploy, undo\n"
    assert main(["abort", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["legal"] == ["deploy", "undo"]


class TestService:
    def test_with_several_it_must_be_named(self, fake: FakeController, capsys: Said) -> None:
        fake.services["till"] = replace(CANARY, service="till")
        assert main(["abort"]) == 2
        assert "several services: shop, till" in capsys.readouterr().err
        assert main(["abort", "till"]) == 0
        assert asked(fake, "verb")[1] == "till"

    def test_one_that_is_down_does_not_count(self, fake: FakeController) -> None:
        fake.services["till"] = replace(DOWN, service="till")
        assert main(["abort"]) == 0

    def test_none_yet(self, fake: FakeController, capsys: Said) -> None:
        fake.services = {}
        assert main(["abort"]) == 2
        assert "nothing was deployed in this project yet" in capsys.readouterr().err
        assert main(["list"]) == 0

    def test_an_unknown_one_is_exit_2(self, fake: FakeController, capsys: Said) -> None:
        assert main(["status", "shpo"]) == 2
        assert "did you mean 'shop'?" in capsys.readouterr().err


class TestStatus:
    def test_the_tree(self, fake: FakeController, capsys: Said) -> None:
        assert main(["status"]) == 0
        assert capsys.readouterr().out.startswith('shop v2 <- v1  canary  attempt 1  step 3/6 "25%"')
        fake.services = {"shop": DEGRADED}
        assert main(["status"]) == 1
        fake.services = {"shop": DOWN}
        assert main(["status"]) == 0

    def test_all_of_several(self, fake: FakeController, capsys: Said) -> None:
        fake.services["till"] = replace(DEGRADED, service="till")
        assert main(["status"]) == 1
        out = capsys.readouterr().out
        assert "shop v2" in out
        assert "till v2" in out
        assert main(["status", "--json"]) == 1
        assert len(json.loads(capsys.readouterr().out)) == 2

    def test_watching_ends_with_the_rollout(self, fake: FakeController, capsys: Said) -> None:
        fake.script = [CANARY, CANARY, PROMOTED]
        assert main(["status", "-w"]) == 0
        assert capsys.readouterr().out.endswith("Promoted: serving v2 (healthy) after 1m34s, was v1\n")

    def test_watching_has_a_timeout(self, fake: FakeController) -> None:
        assert main(["status", "--timeout", "0.1s"]) == 3
        assert main(["status", "--timeout", "soon"]) == 2

    def test_watching_nothing_returns_at_once(self, fake: FakeController) -> None:
        fake.services = {"shop": PROMOTED}
        assert main(["status", "-w"]) == 0


class TestLists:
    def test_list(self, fake: FakeController, capsys: Said) -> None:
        assert main(["list"]) == 0
        head, line = capsys.readouterr().out.splitlines()
        assert head.split() == ["SERVICE", "STATE", "SERVES", "READY", "ROLLOUT", "URL"]
        assert line.split()[:4] == ["shop", "healthy", "v1", "5/5"]

    def test_history(self, fake: FakeController, capsys: Said) -> None:
        assert main(["history"]) == 0
        assert capsys.readouterr().out == "shop has no rollout yet\n"
        assert main(["history", "-n", "0"]) == 2

    def test_events_are_the_last_ones(self, fake: FakeController, capsys: Said) -> None:
        assert main(["events", "-n", "2"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line[9:] for line in lines] == ["shop ana: promoted past step 2", "shop step '25%', exposure up to 25%"]
        assert main(["events", "shop", "--json", "-n", "1"]) == 0
        assert json.loads(capsys.readouterr().out)["position"] == 4

    def test_verify(self, fake: FakeController, capsys: Said) -> None:
        assert main(["events", "--verify"]) == 0
        assert "shop: 4 events, the chain is intact" in capsys.readouterr().out
        fake.fails["verify"] = StoreError("chain_broken", "event 3 of shop was changed")
        assert main(["events", "--verify"]) == 1
        assert "event 3 of shop was changed" in capsys.readouterr().err

    def test_logs(self, fake: FakeController, capsys: Said) -> None:
        assert main(["logs", "--version", "v2", "-n", "7"]) == 0
        assert asked(fake, "logs") == ("logs", "shop", None, "v2", 7)
        assert capsys.readouterr().out == "listening\nTraceback: no database\n"


class TestDown:
    def test_services_then_controller(self, fake: FakeController, tmp_path: Path, capsys: Said) -> None:
        fake.services = {"shop": DOWN}
        assert main(["down", "--actor", "ana"]) == 0
        assert asked(fake, "down") == ("down", "shop", "ana", "")
        assert fake.calls[-1] == ("shutdown",)
        assert "have ended" in capsys.readouterr().out
        assert main(["down"]) == 0
        assert "nothing runs" in capsys.readouterr().out

    def test_the_controller_may_stay(self, fake: FakeController) -> None:
        fake.services = {"shop": DOWN}
        assert main(["down", "--keep-controller"]) == 0
        assert main(["list"]) == 0

    def test_it_stays_for_others(self, fake: FakeController, capsys: Said) -> None:
        fake.services = {"shop": DOWN, "till": replace(PROMOTED, service="till")}
        assert main(["down", "shop", "--json"]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out) == {"services": ["shop"], "left": [], "controller_ended": False}
        assert "the controller stays for till" in err

    def test_what_does_not_end_is_named(self, fake: FakeController, capsys: Said) -> None:
        assert main(["down", "--timeout", "0.1"]) == 3
        assert "shop (5 instances)" in capsys.readouterr().out


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=6), st.integers(1, 30))
def test_following_logs_loses_no_line(before: list[str], added: list[str], window: int) -> None:
    """Of what was written since, at least the last lines of the window; with a window that overlaps, no line twice
    (repeated lines can only ever hide repetitions of themselves)."""
    numbered = [f"{n} {text}" for n, text in enumerate([*before, *added])]
    old, now = numbered[: len(before)][-window:], numbered[-window:]
    assert new_lines(old, now) == numbered[len(before) :][-window:]
