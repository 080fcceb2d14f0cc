"""The dashboard's files as they are served: caching, compression, the policy, and what is not there."""

import gzip
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ferryman.api.site import FOR_EVER, POLICY, Site

PAGE = b"<!doctype html><title>x</title>"
SCRIPT = b"console.log('hello');\n" * 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assets = tmp_path / "static" / "assets"
    assets.mkdir(parents=True)
    (tmp_path / "static" / "index.html").write_bytes(PAGE)
    (assets / "index-Abc.js").write_bytes(SCRIPT)
    (assets / "index-Abc.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "secret.txt").write_text("not of the site")
    return tmp_path / "static"


def client(folder: Path) -> TestClient:
    site = Site(folder)

    async def get(request: Request) -> Response:
        return site.answer(request, str(request.path_params["path"])) or Response("nothing", 404)

    return TestClient(Starlette(routes=[Route("/{path:path}", get)]))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/services/shop",
        "/services/a%2Fb/rollouts/a-1",
        "/flags",
        "/flags/new-checkout",
        "/stale-flags",
        "/audit",
        "/settings",
        "/sign-in",
    ],
)
def test_the_page_answers_to_every_path_of_its_own(folder: Path, path: str) -> None:
    answer = client(folder).get(path)
    assert answer.status_code == 200
    assert answer.content == PAGE
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_nothing_inline_and_no_other_host_is_allowed() -> None:
    rules: dict[str, str] = {}
    for rule in POLICY.split(";"):
        name, _, value = rule.strip().partition(" ")
        rules[name] = value
    assert rules["default-src"] == "'none'"
    assert rules["frame-ancestors"] == "'none'"
    assert {rules[name] for name in ("script-src", "style-src", "connect-src", "font-src", "img-src")} == {"'self'"}


def test_a_file_with_a_hash_is_kept_for_ever_and_sent_gzipped(folder: Path) -> None:
    answer = client(folder).get("/assets/index-Abc.js", headers={"accept-encoding": "br, gzip"})
    assert answer.content == SCRIPT
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(SCRIPT)
    assert answer.headers["cache-control"] == FOR_EVER
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.headers["content-type"].startswith("text/javascript")
    plain = client(folder).get("/assets/index-Abc.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["etag"] != answer.headers["etag"]


def test_what_a_browser_has_already_is_not_sent_again(folder: Path) -> None:
    first = client(folder).get("/")
    again = client(folder).get("/", headers={"if-none-match": f'"other", W/{first.headers["etag"]}'})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize(
    "path", ["/nope", "/assets/nope.js", "/assets/", "/v1", "/..%2fsecret.txt", "/assets/%2e%2e/%2e%2e/secret.txt"]
)
def test_what_is_not_there_is_not_found(folder: Path, path: str) -> None:
    assert client(folder).get(path).status_code == 404


def test_without_a_build_it_says_what_to_do(tmp_path: Path) -> None:
    answer = client(tmp_path / "none").get("/")
    assert answer.status_code == 404
    assert "python hatch_build.py" in answer.text
