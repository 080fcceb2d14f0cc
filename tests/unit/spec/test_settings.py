"""The settings file of a controller: the example is documentation and fixture at once, and every refusal has its place."""

import re
from pathlib import Path

import pytest

from ferryman.engine.settings import SECRET_BYTES_MAX, load_settings, read_secret
from ferryman.model.errors import ControllerError, SpecError, UsageError
from ferryman.model.secret import Secret
from ferryman.model.settings import Flagd, Listen, Oidc, RoleRule, Sessions, Settings, Tls
from ferryman.spec.document import load
from ferryman.spec.notify_table import CHANNEL, NOTIFY_RULE
from ferryman.spec.report import Report
from ferryman.spec.settings import parse_settings, settings_example, settings_markdown, settings_schema_text
from ferryman.spec.settings_table import SETTINGS, parse_listen
from unit.golden import Golden
from unit.spec.test_examples import keys_below, keys_written

DOCS = Path(__file__).resolve().parents[3] / "docs" / "reference"


def parsed(text: str) -> Settings:
    return parse_settings(text, "ferry.yaml", "/etc/ferry")


def problems(text: str) -> list[str]:
    """Of each problem place, path and code; every one has a hint."""
    with pytest.raises(SpecError) as caught:
        parsed(text)
    assert all(problem.hint and problem.file == "ferry.yaml" for problem in caught.value.problems)
    return [f"{p.line}:{p.column} {p.path} {p.code}" for p in caught.value.problems]


def test_the_example_is_what_it_says() -> None:
    made = parsed(settings_example())
    assert made.listen == Listen("0.0.0.0", 7300)
    assert made.public_url == "https://ferry.example.com:7300"
    assert made.tls == Tls("tls/fullchain.pem", "tls/privkey.pem")
    assert made.place("tls/fullchain.pem") == "/etc/ferry/tls/fullchain.pem"
    assert made.place("/absolute.pem") == "/absolute.pem"
    assert made.oidc is not None
    assert made.oidc.client_secret == Secret(env="FERRY_OIDC_SECRET")
    assert made.oidc.roles[1] == RoleRule("groups", "shop-team", "operator", "shop")


def test_the_defaults_of_the_example_are_the_defaults() -> None:
    made = parsed(settings_example())
    assert made.oidc is not None
    bare = Oidc(made.oidc.issuer, made.oidc.client_id, made.oidc.roles, made.oidc.client_secret)
    assert made.oidc == bare
    assert made.sessions == Sessions()
    assert made.insecure_http is Settings().insecure_http


def test_the_example_has_every_key() -> None:
    written = keys_written(load(settings_example(), Report("ferry.yaml")), "")
    rules = {"oidc.roles[].claim", "oidc.roles[].value", "oidc.roles[].role", "oidc.roles[].service"}
    notify = {key for key in written if key.startswith(("notify.channels.", "notify.rules[]."))}
    flags = {f"flags.approvals.prod{key}" for key in ("", ".count", ".role")}
    beside = {"flags.prometheus.user", "flags.prometheus.password"}  # instead of the token
    known = keys_below(SETTINGS, "") | rules | flags | {"oidc.clientSecret.env", "flags.prometheus.token.env"}
    assert written - notify == known - beside
    # Channels have names of their own.
    below = {re.sub(r"^notify\.channels\.[a-z]+\.?", "", key) for key in notify if "rules" not in key} - {""}
    secrets = {key for key in below if key.endswith((".env", ".file"))}
    assert below - secrets == keys_below(CHANNEL, "")
    assert {key.rpartition(".")[2] for key in notify if "rules" in key} == {key.name for key in NOTIFY_RULE.keys}


def test_where_clients_of_flagd_are_answered() -> None:
    assert parsed("flags: {flagd: {sync: 127.0.0.1:8015}}").flagd == Flagd(None, Listen("127.0.0.1", 8015))
    assert parsed("flags: {approvals: {prod: {}}}").flagd == Flagd()
    both = parsed("listen: ':1'\nflags: {flagd: {evaluation: ':2', sync: ':3', anonymous: true}}")
    assert [listen.port for listen in both.listens] == [1, 2, 3]
    assert both.flagd.anonymous
    assert problems("flags: {flagd: {evaluation: 8013}}") == ["1:29 flags.flagd.evaluation wrong_type"]


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_is_all_defaults(text: str) -> None:
    assert parsed(text) == Settings("/etc/ferry")


OIDC = "publicUrl: https://a.b\noidc: {issuer: %s, clientId: x, roles: [{claim: c, value: v, role: admin}]%s}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("listn: 127.0.0.1:1\n", ["1:1 listn unknown_field"]),
        ("listen: 7300\n", ["1:9 listen wrong_type"]),
        ("listen: ferry.example.com:7300\n", ["1:9 listen not_allowed"]),
        ("listen: 127.0.0.1:70000\n", ["1:9 listen not_allowed"]),
        ("listen: 127.0.0.1\n", ["1:9 listen not_allowed"]),
        ("publicUrl: ferry.example.com\n", ["1:12 publicUrl not_allowed"]),
        ("publicUrl: https://a.b/path\n", ["1:12 publicUrl not_allowed"]),
        ("publicUrl: https://user:word@a.b\n", ["1:12 publicUrl not_allowed"]),
        ("insecureHttp: yes\n", ["1:15 insecureHttp wrong_type"]),
        ("tls: {cert: a.pem}\n", ["1:6 tls.key missing"]),
        ("tls: {cert: a, key: b}\ninsecureHttp: true\n", ["2:15 insecureHttp exclusive"]),
        ("tls: {cert: a, key: b}\npublicUrl: http://a.b\n", ["2:12 publicUrl not_allowed"]),
        ("sessions: {lifetime: 12}\n", ["1:22 sessions.lifetime wrong_type"]),
        ("sessions: {lifetime: 1h, idle: 2h}\n", ["1:32 sessions.idle out_of_range"]),
        ("sessions: {idle: 1s}\n", ["1:18 sessions.idle out_of_range"]),
        (OIDC % ("http://provider.example.com", ""), ["2:16 oidc.issuer not_allowed"]),
        (OIDC % ("http://localhost.example.com", ""), ["2:16 oidc.issuer not_allowed"]),
        (OIDC % ("https://a.b", ", scopes: [email]"), ["2:94 oidc.scopes not_allowed"]),
        (OIDC % ("https://a.b", ", leeway: 1h"), ["2:94 oidc.leeway out_of_range"]),
        ("oidc: {issuer: https://a.b, clientId: x, roles: [{claim: c, value: v, role: admin}]}\n", ["1:1 publicUrl missing"]),
        (
            "publicUrl: https://a.b\noidc: {issuer: https://a.b, clientId: x, roles: [{claim: c, value: v, role: root}]}\n",
            ["2:77 oidc.roles[0].role not_allowed"],
        ),
        ("publicUrl: https://a.b\noidc: {issuer: https://a.b, clientId: x, roles: []}\n", ["2:49 oidc.roles out_of_range"]),
        ("- a\n", ["1:1  wrong_type"]),
        ("listen: [\n", ["2:1  syntax"]),
        ("a: 1\n---\nb: 2\n", ["1:1 a unknown_field", "2:1  several_documents"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def test_an_unknown_key_is_told_what_was_likely_meant() -> None:
    with pytest.raises(SpecError, match="did you mean `publicUrl`") as caught:
        parsed("public_url: x\n")
    assert "there is no key `public_url` here" in str(caught.value)
    with pytest.raises(SpecError, match="it belongs under `tls`"):
        parsed("cert: a.pem\n")


@pytest.mark.parametrize(
    "written",
    ["hunter2", '"hunter2"', "[hunter2]", "{env: hunter2 with blanks}", "{env: [hunter2]}", "{value: hunter2}"],
)
def test_a_secret_in_the_file_is_refused_and_not_shown(written: str) -> None:
    with pytest.raises(SpecError) as caught:
        parsed(OIDC % ("https://a.b", f", clientSecret: {written}"))
    told = str(caught.value) + repr(caught.value.problems)
    assert "hunter2" not in told
    assert "oidc.clientSecret" in told


def test_a_literal_secret_is_told_the_remedy() -> None:
    with pytest.raises(SpecError, match=re.escape("write `{env: NAME}` or `{file: PATH}` instead")):
        parsed(OIDC % ("https://a.b", ", clientSecret: hunter2"))


def test_both_places_of_a_secret_are_one_too_many() -> None:
    with pytest.raises(SpecError, match="exclude each other"):
        parsed(OIDC % ("https://a.b", ", clientSecret: {env: A, file: b}"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:80", Listen("127.0.0.1", 80)),
        ("localhost:0", Listen("127.0.0.1", 0)),
        (":80", Listen("127.0.0.1", 80)),
        ("[::1]:80", Listen("::1", 80)),
        ("0.0.0.0:65535", Listen("0.0.0.0", 65535)),
        ("", None),
        ("80", None),
        ("127.0.0.1:", None),
        ("127.0.0.1:x", None),
        ("127.0.0.1:65536", None),
        ("example.com:80", None),
    ],
)
def test_addresses_to_listen_on(text: str, expected: Listen | None) -> None:
    assert parse_listen(text) == expected


def test_the_file_is_found_in_the_project_or_where_it_was_named(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == Settings(str(tmp_path))
    (tmp_path / "ferry.yaml").write_text("listen: 127.0.0.1:1\n", encoding="utf-8")
    assert load_settings(tmp_path).listen == Listen("127.0.0.1", 1)
    other = tmp_path / "other" / "my.yaml"
    other.parent.mkdir()
    other.write_text("tls: {cert: a, key: b}\n", encoding="utf-8")
    made = load_settings(tmp_path, other)
    assert made.place("a") == str(tmp_path / "other" / "a")
    with pytest.raises(UsageError, match="No such file") as caught:
        load_settings(tmp_path, tmp_path / "none.yaml")
    assert caught.value.code == "no_settings"
    other.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="UTF-8"):
        load_settings(tmp_path, other)


def test_a_secret_is_read_from_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(str(tmp_path))
    monkeypatch.setenv("FERRY_TEST_SECRET", "from the environment")
    assert read_secret(Secret(env="FERRY_TEST_SECRET"), settings, "oidc") == "from the environment"
    (tmp_path / "secret").write_text(" from a file \n", encoding="utf-8")
    assert read_secret(Secret(file="secret"), settings, "oidc") == " from a file "


@pytest.mark.parametrize(
    ("secret", "content", "why"),
    [
        (Secret(env="FERRY_TEST_SECRET"), b"", "is not set or empty"),
        (Secret(file="none"), b"", "No such file"),
        (Secret(file="secret"), b"\n", "is empty"),
        (Secret(file="secret"), b"hunter2\xff", "not text in UTF-8"),
        (Secret(file="secret"), b"hunter2" * SECRET_BYTES_MAX, "is larger than"),
    ],
)
def test_a_secret_that_is_not_there_is_named_and_never_shown(
    tmp_path: Path, secret: Secret, content: bytes, why: str
) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(ControllerError, match=why) as caught:
        read_secret(secret, Settings(str(tmp_path)), "oidc.clientSecret")
    assert caught.value.code == "secret_missing"
    assert "oidc.clientSecret" in caught.value.message
    assert "hunter2" not in str(caught.value)


def test_the_committed_reference_is_not_stale(golden: Golden) -> None:
    golden(DOCS / "settings.md", settings_markdown())
    golden(DOCS / "settings.schema.json", settings_schema_text())
