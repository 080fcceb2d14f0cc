"""`ferry token`, `ferry session` and `ferry audit`, without a controller and with one."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from ferryman.cli.commands.audit import _since
from ferryman.cli.main import main
from ferryman.model.errors import UsageError
from unit.api.fake_controller import FakeController, serving

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *words: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error)."""
    capsys.readouterr()
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_tokens_without_a_controller(tmp_path: Path, capsys: Capture) -> None:
    here = ("--project", str(tmp_path))
    assert run(capsys, *here, "token", "list")[1].startswith("no token was made yet")
    code, token, remarks = run(
        capsys, *here, "token", "create", "--name", "ana", "--role", "operator", "--service", "shop"
    )
    assert code == 0
    assert token.startswith("fy_")
    assert "operator of shop, until" in remarks
    assert token.strip() not in remarks
    kept = (tmp_path / ".ferryman" / "state.db").read_bytes()
    assert token.strip().encode() not in kept
    assert stat.S_IMODE((tmp_path / ".ferryman" / "state.db").stat().st_mode) == 0o600
    (listed,) = json.loads(run(capsys, *here, "token", "list", "--json")[1])
    assert (listed["name"], listed["roles"], listed["state"]) == ("ana", {"shop": "operator"}, "live")
    assert 89 < (listed["expires_at"] - listed["created_at"]) / 86_400 <= 90
    assert run(capsys, *here, "token", "revoke", listed["id"], "--reason", "why")[0] == 0
    assert json.loads(run(capsys, *here, "token", "list", "--json")[1])[0]["state"] == "revoked"
    code, out, _ = run(capsys, *here, "audit")
    assert code == 0
    assert [line.split("  ")[-1] for line in out.splitlines()] == [
        f"made token {listed['id']} for ana: operator of shop",
        f"revoked token {listed['id']} of ana: why",
    ]
    assert run(capsys, *here, "audit", "--verify")[:2] == (0, "journal access: entries: 2, the chain is intact\n")
    assert run(capsys, *here, "audit", "--actor", "nobody")[1] == "nobody did anything yet\n"


def test_tokens_with_a_controller(tmp_path: Path, capsys: Capture) -> None:
    here = ("--project", str(tmp_path))
    with serving(FakeController(), tmp_path):
        made = json.loads(
            run(capsys, *here, "token", "create", "--name", "ana", "--role", "admin", "--expires", "never", "--json")[1]
        )
        assert made["view"]["expires_at"] is None
        assert run(capsys, *here, "token", "revoke", "ana")[1] == f"token {made['view']['id']} of ana is revoked\n"
        assert run(capsys, *here, "session", "list")[1] == "nobody is signed in\n"
        code, _, error = run(capsys, *here, "session", "end", "none")
        assert (code, "no session 'none'" in error) == (2, True)
        assert len(run(capsys, *here, "audit", "-n", "1")[1].splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("token", "create"),
        ("token", "create", "--name", "ana"),
        ("token", "create", "--role", "viewer"),
        ("token", "create", "--name", "a b", "--role", "viewer"),
        ("token", "create", "--name", "x" * 101, "--role", "viewer"),
        ("token", "create", "--name", "ana", "--role", "root"),
        ("token", "create", "--name", "ana", "--role", "viewer", "--service", "No Such"),
        ("token", "create", "--name", "ana", "--role", "viewer", "--expires", "soon"),
        ("token", "create", "--name", "ana", "--role", "viewer", "--expires", "0s"),
        ("token", "create", "--name", "ana", "--role", "viewer", "--expires", "99999d"),
        ("token", "revoke"),
        ("token", "revoke", "nobody"),
        ("token", "list", "all"),
        ("token", "lst"),
        ("login",),
        ("login", "ftp://x"),
        ("session", "end"),
        ("audit", "--since", "yesterday"),
        ("audit", "-n", "0"),
    ],
)
def test_a_wrong_call_is_told_what_to_do_and_makes_nothing(
    tmp_path: Path, capsys: Capture, words: tuple[str, ...]
) -> None:
    here = ("--project", str(tmp_path))
    run(capsys, *here, "token", "create", "--name", "first", "--role", "viewer")
    code, _, error = run(capsys, *here, *words)
    assert code in {1, 2}
    assert "hint: " in error
    assert len(json.loads(run(capsys, *here, "token", "list", "--json")[1])) == 1


def test_points_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_000_000.0)
    assert _since(None) == 0.0
    assert _since("1h") == 1_000_000.0 - 3600
    assert _since("90000d") == 0.0
    assert _since("2026-11-01T10:00:00+00:00") == 1_793_527_200.0
    assert _since("2026-11-01") == _since("2026-11-01T00:00")
    with pytest.raises(UsageError):
        _since("2026-13-01")
