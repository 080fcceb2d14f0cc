"""Sign-in by OIDC against a provider with real keys: the way there and back, and everybody who tries to cheat on it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import jwt
import pytest

import oidc_provider
from ferryman.api.access.oidc import flow
from ferryman.model.settings import Oidc, RoleRule, Secret, Settings
from oidc_provider import CLIENT, SECRET, Claims, Key, Provider
from unit.api.doors_kit import COOKIE, Doors, code

URL = "https://ferry.example.com:7300"
RULES = (
    RoleRule("groups", "platform", "admin"),
    RoleRule("groups", "shop-team", "operator", "shop"),
    RoleRule("groups", "shop-team", "viewer", "cart"),
    RoleRule("email", "root@example.com", "admin"),
)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with oidc_provider.running(Provider()) as made:
        yield made


def doors_of(provider: Provider, monkeypatch: pytest.MonkeyPatch | None = None, **changes: Any) -> Doors:
    """A controller that trusts this provider."""
    secret = Secret(env="FERRY_TEST_OIDC") if provider.secret else None
    if monkeypatch is not None:
        monkeypatch.setenv("FERRY_TEST_OIDC", SECRET)
    oidc = Oidc(provider.issuer, CLIENT, RULES, secret, **changes)
    return Doors(Settings(public_url=URL, oidc=oidc), now=time.time())


@pytest.fixture
def doors(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Doors:
    return doors_of(provider, monkeypatch)


class Visit:
    """A browser that signs in, step by step."""

    def __init__(self, doors: Doors, provider: Provider) -> None:
        self.doors, self.provider = doors, provider
        start = doors.get("/v1/oidc/start", url=URL)
        assert start.status_code == 303, start.text
        self.start = start
        self.to = start.headers["location"]
        self.cookie = start.headers["set-cookie"].partition(";")[0] if "set-cookie" in start.headers else ""

    def back(self, **changes: str) -> httpx2.Response:
        """Through the provider and back; `changes` are to the query, `cookie` to the cookie."""
        url = urlsplit(self.provider.authorize(self.to))
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        cookie = changes.pop("cookie", self.cookie)
        return self.doors.get(url.path, url=URL, params={**query, **changes}, headers={"cookie": cookie})


def failed(answer: httpx2.Response) -> str:
    """The code of a sign-in that came to nothing: it leads back to the sign-in page and sets no session."""
    assert answer.status_code == 303
    to = urlsplit(answer.headers["location"])
    assert to.path == "/sign-in"
    assert f"__Host-{COOKIE}=fs_" not in str(answer.headers.get_list("set-cookie"))
    return parse_qs(to.query)["error"][0]


def test_somebody_signs_in(doors: Doors, provider: Provider) -> None:
    visit = Visit(doors, provider)
    assert {"httponly", "samesite=lax", "secure"} <= set(visit.start.headers["set-cookie"].lower().split("; "))
    answer = visit.back()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    session = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(f"__Host-{COOKIE}=fs_"))
    assert {"httponly", "samesite=strict", "secure", "path=/"} <= set(session.lower().split("; "))
    headers = {"cookie": session.partition(";")[0]}
    told = doors.get("/v1/session", url=URL, headers=headers).json()
    assert (told["name"], told["roles"], told["via"]) == (
        "ana@example.com", {"shop": "operator", "cart": "viewer"}, "session",
    )  # fmt: skip
    headers |= {"origin": URL, "x-csrf-token": told["csrf"]}
    assert doors.post(url=URL, headers=headers).status_code == 200
    assert doors.fake.calls[-1][3] == "ana@example.com"
    assert code(doors.post("/v1/services/cart/pause", url=URL, headers=headers)) == (403, "forbidden")
    (entry,) = doors.entries("signed_in")
    assert (entry["via"], entry["actor"]) == ("oidc", "ana@example.com")


def test_what_is_asked_for_has_pkce_state_and_nonce(doors: Doors, provider: Provider) -> None:
    first, second = (parse_qs(urlsplit(Visit(doors, provider).to).query) for _ in range(2))
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) == 43
        assert first[name] != second[name]
    assert first["redirect_uri"] == [f"{URL}/v1/oidc/callback"]
    assert first["code_challenge_method"] == ["S256"]


def test_the_page_knows_that_it_is_possible(doors: Doors) -> None:
    assert doors.get("/v1/session", url=URL).json()["oidc"] is True
    for path in ("/v1/oidc/start", "/v1/oidc/callback"):
        assert code(Doors().get(path)) == (404, "no_oidc")


@pytest.mark.parametrize(
    ("spoil", "refused"),
    [
        (lambda c: c | {"nonce": "other"}, "oidc_token"),
        (lambda c: {k: v for k, v in c.items() if k != "nonce"}, "oidc_token"),
        (lambda c: c | {"aud": "somebody-else"}, "oidc_token"),
        (lambda c: c | {"aud": [CLIENT, "other"]}, "oidc_token"),
        (lambda c: c | {"aud": [CLIENT, "other"], "azp": "other"}, "oidc_token"),
        (lambda c: c | {"azp": "other"}, "oidc_token"),
        (lambda c: c | {"iss": "https://evil.example"}, "oidc_token"),
        (lambda c: c | {"iss": c["iss"] + "/"}, "oidc_token"),
        (lambda c: c | {"exp": int(time.time()) - 120}, "oidc_token"),
        (lambda c: c | {"iat": int(time.time()) + 600, "exp": int(time.time()) + 900}, "oidc_token"),
        (lambda c: c | {"nbf": int(time.time()) + 600}, "oidc_token"),
        (lambda c: {k: v for k, v in c.items() if k != "exp"}, "oidc_token"),
        (lambda c: {k: v for k, v in c.items() if k != "sub"}, "oidc_token"),
        (lambda c: {k: v for k, v in c.items() if k != "aud"}, "oidc_token"),
        (lambda c: c | {"groups": ["nobody"]}, "oidc_no_role"),
        (lambda c: c | {"groups": "shop-team-not"}, "oidc_no_role"),
        (lambda c: c | {"groups": {"shop-team": True}}, "oidc_no_role"),
        (lambda c: c | {"email": "", "sub": "a\nb"}, "oidc_token"),
    ],
)
def test_a_token_that_does_not_hold_signs_nobody_in(
    doors: Doors, provider: Provider, spoil: Callable[[Claims], Claims], refused: str
) -> None:
    provider.spoil = spoil
    assert failed(Visit(doors, provider).back()) == refused
    assert doors.entries("signed_in") == []


def unpadded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def head_and_body(header: Claims, claims: Claims) -> bytes:
    return unpadded(json.dumps(header).encode()) + b"." + unpadded(json.dumps(claims).encode())


def by_none(claims: Claims, key: Key) -> str:
    return head_and_body({"alg": "none", "kid": key.kid}, claims).decode() + "."


def by_public_key(claims: Claims, key: Key) -> str:
    """The public key as the secret of an HMAC: works where the token chooses how it is checked."""
    from cryptography.hazmat.primitives import serialization

    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pem = key.private.public_key().public_bytes(*form)
    head = head_and_body({"alg": "HS256", "kid": key.kid}, claims)
    return (head + b"." + unpadded(hmac.digest(pem, head, hashlib.sha256))).decode()


@pytest.mark.parametrize(
    "sign",
    [
        by_none,
        by_public_key,
        lambda claims, key: jwt.encode(claims, Key().private, "RS256", headers={"kid": key.kid}),
        lambda claims, key: jwt.encode(claims, Key("ES256").private, "ES256", headers={"kid": key.kid}),
        lambda claims, key: jwt.encode(claims, key.private, "RS512", headers={"kid": key.kid}),
        lambda claims, key: jwt.encode(claims, key.private, "RS256", headers={"kid": "unknown"}),
        lambda claims, key: jwt.encode(claims, key.private, "RS256", headers={"kid": key.kid})[:-8] + "AAAAAAAA",
        lambda claims, key: "no.token.atall",
        lambda claims, key: "",
    ],
)  # fmt: skip
def test_a_token_of_somebody_else_signs_nobody_in(
    doors: Doors, provider: Provider, sign: Callable[[Claims, Key], str]
) -> None:
    provider.sign = sign
    assert failed(Visit(doors, provider).back()) == "oidc_token"


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "x"},
        {"state": ""},
        {"cookie": ""},
        {"cookie": f"__Host-{COOKIE}-oidc=other"},
        {"iss": "https://evil.example"},
    ],
)
def test_an_answer_to_another_sign_in_is_refused(doors: Doors, provider: Provider, changes: dict[str, str]) -> None:
    assert failed(Visit(doors, provider).back(**changes)) == "oidc_state"
    assert "/token" not in provider.asked, "the code was not even tried"


def test_a_state_counts_once(doors: Doors, provider: Provider) -> None:
    visit = Visit(doors, provider)
    assert visit.back().headers["location"] == "/"
    assert failed(visit.back()) == "oidc_state"


def test_a_state_of_another_browser_does_not_fit(doors: Doors, provider: Provider) -> None:
    """Somebody who sends a victim their own answer would sign the victim in as themselves."""
    mine, theirs = Visit(doors, provider), Visit(doors, provider)
    assert failed(mine.back(cookie=theirs.cookie)) == "oidc_state"


def test_a_state_is_over_after_a_while_and_they_are_bounded(
    doors: Doors, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = Visit(doors, provider)
    doors.now += flow.PENDING_SECONDS
    assert failed(visit.back()) == "oidc_state"
    monkeypatch.setattr(flow, "PENDING_MAX", 2)
    visits = [Visit(doors, provider) for _ in range(3)]
    assert failed(visits[0].back()) == "oidc_state"
    assert visits[2].back().headers["location"] == "/"


def test_a_code_of_another_sign_in_fails_at_the_provider(doors: Doors, provider: Provider) -> None:
    one, other = Visit(doors, provider), Visit(doors, provider)
    stolen = parse_qs(urlsplit(provider.authorize(other.to)).query)["code"][0]
    assert failed(one.back(code=stolen)) == "oidc_provider", "its PKCE verifier is another one"
    assert failed(Visit(doors, provider).back(code="made-up")) == "oidc_provider"


def test_who_was_denied_is_told_so(doors: Doors, provider: Provider) -> None:
    assert failed(Visit(doors, provider).back(error="access_denied", code="")) == "oidc_denied"
    assert failed(Visit(doors, provider).back(code="")) == "oidc_denied"


def test_a_rotated_key_is_looked_for_and_not_too_often(doors: Doors, provider: Provider) -> None:
    assert Visit(doors, provider).back().headers["location"] == "/"
    assert provider.asked["/keys"] == 1
    provider.keys.insert(0, Key())
    doors.now += 11
    assert Visit(doors, provider).back().headers["location"] == "/"
    assert provider.asked["/keys"] == 2
    provider.sign = lambda claims, key: jwt.encode(claims, key.private, "RS256", headers={"kid": "unknown"})
    for _ in range(3):
        assert failed(Visit(doors, provider).back()) == "oidc_token"
    assert provider.asked["/keys"] == 2, "a stranger's tokens do not make us ask again and again"
    assert provider.asked["/.well-known/openid-configuration"] == 1


def test_a_key_that_was_taken_away_signs_nobody_in_any_more(doors: Doors, provider: Provider) -> None:
    old = provider.keys[0]
    assert Visit(doors, provider).back().headers["location"] == "/"
    provider.keys[:] = [Key()]
    provider.sign = lambda claims, _: jwt.encode(claims, old.private, "RS256", headers={"kid": old.kid})
    doors.now += 3601
    assert failed(Visit(doors, provider).back()) == "oidc_token"


def test_es256_and_a_public_client() -> None:
    with oidc_provider.running(Provider(keys=[Key("ES256"), Key()], secret="")) as provider:
        doors = doors_of(provider)
        assert Visit(doors, provider).back().headers["location"] == "/"


def test_a_provider_that_takes_the_secret_in_the_body(doors: Doors, provider: Provider) -> None:
    provider.configuration = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert Visit(doors, provider).back().headers["location"] == "/"


def test_a_wrong_client_secret_signs_nobody_in(doors: Doors, provider: Provider) -> None:
    provider.secret = "another"
    assert failed(Visit(doors, provider).back()) == "oidc_provider"


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"sub": "u1", "email": "ana@example.com", "email_verified": False}, "u1"),
        ({"sub": "u1", "email": "ana@example.com", "email_verified": True}, "ana@example.com"),
        ({"sub": "auth0|1"}, "auth0|1"),
        ({"sub": "u1", "email": 7}, "u1"),
        ({"sub": "u1", "email": "x" * 101}, "u1"),
        ({"sub": "u1", "email": "ferryman"}, "u1"),
    ],
)
def test_who_it_is_comes_from_a_claim_that_holds(doors: Doors, provider: Provider, claims: Claims, name: str) -> None:
    provider.claims = claims | {"groups": ["shop-team"]}
    assert Visit(doors, provider).back().headers["location"] == "/"
    assert [entry["actor"] for entry in doors.entries("signed_in")] == [name]


def test_the_highest_role_of_all_rules_counts(doors: Doors, provider: Provider) -> None:
    provider.claims = {"sub": "u1", "email": "root@example.com", "groups": ["platform", "shop-team"]}
    assert Visit(doors, provider).back().headers["location"] == "/"
    assert doors.entries("signed_in")[0]["roles"] == {"*": "admin", "shop": "operator", "cart": "viewer"}


def test_a_role_by_an_unverified_email_is_none(doors: Doors, provider: Provider) -> None:
    provider.claims = {"sub": "u1", "email": "root@example.com", "email_verified": False}
    assert failed(Visit(doors, provider).back()) == "oidc_no_role"


@pytest.mark.parametrize(
    "answer", [(500, b"{}"), (302, b"{}"), (200, b"no json"), (200, b"{}"), (200, b"[" * 100), (200, b" " * 2_000_000)]
)
def test_a_provider_that_fails_is_told_and_nothing_breaks(
    doors: Doors, provider: Provider, answer: tuple[int, bytes]
) -> None:
    provider.answer = answer
    assert failed(doors.get("/v1/oidc/start", url=URL)) == "oidc_provider"
    provider.answer = None
    visit = Visit(doors, provider)
    provider.answer = answer
    assert failed(visit.back()) == "oidc_provider"
    provider.answer = None
    assert Visit(doors, provider).back().headers["location"] == "/"


@pytest.mark.parametrize(
    "configuration",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "http://localhost.evil.example/keys"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
)
def test_a_provider_that_says_it_is_another_is_not_believed(
    doors: Doors, provider: Provider, configuration: dict[str, str]
) -> None:
    provider.configuration = configuration
    assert failed(doors.get("/v1/oidc/start", url=URL)) == "oidc_provider"


def test_a_provider_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with oidc_provider.running(Provider()) as provider:
        doors = doors_of(provider, monkeypatch)
    assert failed(doors.get("/v1/oidc/start", url=URL)) == "oidc_provider"


@pytest.mark.parametrize(
    ("asked", "page"),
    [
        ("/services/shop?tab=1", "/services/shop?tab=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/v1/oidc/start", "/"),
        ("/a\r\nset-cookie: x=y", "/"),
        ("", "/"),
    ],
)
def test_it_leads_back_to_a_page_of_ours_and_nowhere_else(
    doors: Doors, provider: Provider, asked: str, page: str
) -> None:
    start = doors.get("/v1/oidc/start", url=URL, params={"next": asked})
    assert start.status_code == 303, start.text
    cookie = start.headers["set-cookie"].partition(";")[0]
    url = urlsplit(provider.authorize(start.headers["location"]))
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    back = doors.get(url.path, url=URL, params=query, headers={"cookie": cookie})
    assert (back.status_code, back.headers["location"]) == (303, page)
