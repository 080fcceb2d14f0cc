"""The command line against a controller on another machine: over TLS, with a token, and every refusal on the way."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import make_certificate
from ferryman.cli.client import find_local
from ferryman.cli.main import main
from ferryman.cli.remote import Kept, checked_url, choose, chosen, keep_token, read_tokens, tokens_file
from ferryman.model.errors import UsageError
from ferryman.model.role import Role
from ferryman.model.settings import Listen, Settings
from unit.api.doors_kit import with_token
from unit.api.fake_controller import FakeController, serving


class There:
    """A controller over TLS on loopback, and tokens for it."""

    def __init__(self, url: str, ca_file: str, token: str, fake: FakeController) -> None:
        self.url, self.ca_file, self.token, self.fake = url, ca_file, token, fake


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("FERRY_URL", "FERRY_TOKEN", "FERRY_CA_FILE", "FERRY_INSECURE_HTTP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    yield
    choose(None, None)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[There]:
    fake, token = with_token(Role.OPERATOR)
    folder = tmp_path / "there"
    folder.mkdir()
    settings = Settings(str(folder), Listen("127.0.0.1", 0), tls=make_certificate(folder))
    with serving(fake, folder, settings=settings) as record:
        yield There(str(record.url), str(folder / "ferry.pem"), token, fake)


def test_every_command_speaks_to_it(
    there: There, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FERRY_TOKEN", there.token)
    where = ["--url", there.url, "--ca-file", there.ca_file]
    assert main([*where, "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["service"] == "shop"
    assert main(["pause", "shop", "--reason", "why", *where, "--actor", "somebody"]) == 0
    assert there.fake.calls[-1][3:5] == ("ana", "why"), "the token says who it was"
    for command in (["events"], ["history", "shop"], ["logs", "shop"], ["audit"], ["audit", "--verify"]):
        assert main([*where, *command]) == 0, command
    capsys.readouterr()
    assert main([*where, "token", "list"]) == 2
    assert "this needs admin" in capsys.readouterr().err


def test_the_environment_chooses_it_too(
    there: There, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("URL", there.url), ("CA_FILE", there.ca_file), ("TOKEN", there.token)):
        monkeypatch.setenv(f"FERRY_{name}", value)
    assert main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["service"] == "shop"


def test_a_login_keeps_the_token_for_this_user_alone(
    there: There, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(there.token + "\n"))
    assert main(["login", there.url, "--ca-file", there.ca_file]) == 0
    said = capsys.readouterr()
    assert "knows you as ana (operator)" in said.out
    assert there.token not in said.out + said.err
    assert stat.S_IMODE(tokens_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(tokens_file().parent.stat().st_mode) == 0o700
    assert main(["--url", there.url, "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["service"] == "shop"
    assert main(["login", there.url, "--forget"]) == 0
    assert read_tokens() == {}
    assert main(["--url", there.url, "--ca-file", there.ca_file, "list"]) == 2
    assert "needs a token" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["", "\n", "fy_wrong", "fy_aaaaaaaa_" + "A" * 43])
def test_a_login_with_a_wrong_token_keeps_nothing(
    there: There, token: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    assert main(["login", there.url, "--ca-file", there.ca_file]) == 2
    assert "hint:" in capsys.readouterr().err
    assert not tokens_file().exists()


def test_a_wrong_token_and_none_are_refused(
    there: There, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--url", there.url, "--ca-file", there.ca_file]
    assert main([*where, "list"]) == 2
    assert "needs a token" in capsys.readouterr().err
    monkeypatch.setenv("FERRY_TOKEN", "fy_wrong")
    assert main([*where, "list", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["code"] == "bad_token"


def test_a_certificate_that_is_not_trusted_ends_it_before_the_token_is_sent(
    there: There, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FERRY_TOKEN", there.token)
    assert main(["--url", there.url, "list"]) == 1
    assert "--ca-file" in capsys.readouterr().err
    assert main(["--url", there.url, "--ca-file", "none.pem", "list"]) == 2
    assert "none.pem holds no certificate" in capsys.readouterr().err
    assert main(["--url", there.url.replace("https", "http"), "list"]) == 1, "plain http to a port with TLS"


def test_nobody_there_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", "https://127.0.0.1:1", "list"]) == 1
    assert "https://127.0.0.1:1 cannot be reached" in capsys.readouterr().err


def test_a_controller_there_is_not_ended_from_here(
    there: There, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FERRY_TOKEN", there.token)
    main(["--url", there.url, "--ca-file", there.ca_file, "down", "shop", "--timeout", "1s"])
    assert ("down", "shop", "ana", "") in there.fake.calls
    assert "shutdown" not in [call[0] for call in there.fake.calls]


def test_a_controller_of_the_project_is_found_whatever_was_chosen(tmp_path: Path) -> None:
    choose("https://127.0.0.1:1", None)
    assert find_local(tmp_path) is None
    with serving(FakeController(), tmp_path):
        client = find_local(tmp_path)
        assert client is not None
        assert client.remote is None
        client.close()


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://Ferry.Example.com:7300/", "https://ferry.example.com:7300"),
        ("ferry.example.com", "https://ferry.example.com"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://[::1]:1", "http://[::1]:1"),
    ],
)
def test_a_url_has_one_form(text: str, url: str) -> None:
    assert checked_url(text) == url


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ftp://a", "bad_url"),
        ("https://", "bad_url"),
        ("https://a/path", "bad_url"),
        ("https://a?x=1", "bad_url"),
        ("https://a:99999", "bad_url"),
        ("https://me:word@a", "bad_url"),
        ("http://10.0.0.1", "insecure_url"),
        ("http://localhost.example.com", "insecure_url"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_url(text)
    assert caught.value.code == code
    assert caught.value.hint
    assert "word" not in str(caught.value).replace("password", "")


def test_plain_http_is_possible_when_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERRY_INSECURE_HTTP", "1")
    assert checked_url("http://10.0.0.1:1") == "http://10.0.0.1:1"


def test_tokens_that_others_can_read_are_refused(tmp_path: Path) -> None:
    path = keep_token("https://a", Kept("fy_secret"))
    keep_token("https://b", Kept("fy_other", "ca.pem"))
    assert set(read_tokens()) == {"https://a", "https://b"}
    choose("https://a", None)
    found = chosen()
    assert found is not None
    assert found.token == "fy_secret"
    path.chmod(0o644)
    for ask in (chosen, read_tokens, lambda: keep_token("https://c", Kept("x"))):
        with pytest.raises(UsageError) as caught:
            ask()
        assert caught.value.code == "tokens_exposed"
        assert "fy_secret" not in str(caught.value)
    path.chmod(0o600)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_tokens()
    assert caught.value.code == "tokens_damaged"
