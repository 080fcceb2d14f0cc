"""Tokens: what they open, what they do not, and every refusal; the guards that stand before them."""

import asyncio
import json

import pytest

from ferryman.api.access.attempts import Attempts, address_key
from ferryman.api.access.credentials import csrf_of, digest, mint_cookie, mint_token, token_id
from ferryman.model.errors import UsageError
from ferryman.model.role import Role
from ferryman.model.settings import Oidc, Settings
from unit.api.doors_kit import NOW, Doors, code

DAY = 86_400.0


def test_a_token_is_256_random_bits_kept_as_a_hash_only() -> None:
    asked: list[int] = []

    def random_bytes(number: int) -> bytes:
        asked.append(number)
        return bytes(number)

    minted = mint_token(random_bytes)
    assert asked == [5, 32]
    assert minted.text == "fy_aaaaaaaa_" + "A" * 43
    assert token_id(minted.text) == minted.id == "aaaaaaaa"
    assert minted.digest == digest(minted.text)
    doors = Doors()
    text = doors.token()
    kept = json.dumps(doors.entries())
    assert text not in kept
    assert text.rpartition("_")[2] not in kept
    assert digest(text) in kept


def test_csrf_tokens_and_cookies_tell_nothing_of_each_other() -> None:
    cookie = mint_cookie(bytes).text
    assert cookie not in csrf_of(cookie)
    assert csrf_of(cookie) != csrf_of(cookie + "x")


@pytest.mark.parametrize(
    ("role", "service", "read", "write", "other", "administer"),
    [
        (Role.VIEWER, "*", 200, 403, 403, 403),
        (Role.OPERATOR, "*", 200, 200, 404, 403),
        (Role.ADMIN, "*", 200, 200, 404, 200),
        (Role.VIEWER, "shop", 200, 403, 403, 403),
        (Role.OPERATOR, "shop", 200, 200, 403, 403),
        (Role.ADMIN, "shop", 200, 200, 403, 403),
        (Role.OPERATOR, "cart", 403, 403, 404, 403),
    ],
)
def test_a_token_opens_what_its_role_may(
    role: Role, service: str, read: int, write: int, other: int, administer: int
) -> None:
    doors = Doors()
    token = doors.token(role=role, service=service)
    assert doors.get("/v1/services/shop", token=token).status_code == read
    assert doors.post("/v1/services/shop/pause", token=token).status_code == write
    assert doors.post("/v1/services/cart/pause", token=token).status_code == other
    assert doors.get("/v1/tokens", token=token).status_code == administer
    assert doors.post("/v1/shutdown", token=token).status_code == administer


def test_the_actor_is_the_name_of_the_token_whatever_the_body_says() -> None:
    doors = Doors()
    assert doors.post(json={"actor": "bob", "reason": "r"}, token=doors.token("ana")).status_code == 200
    assert doors.fake.calls[-1][3:5] == ("ana", "r")


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-1], lambda t: t + "A", lambda t: t[:-1] + "_", lambda t: "fy_x", lambda t: ""]
)
def test_a_wrong_token_opens_nothing(spoil) -> None:
    doors = Doors()
    text = doors.token()
    wrong = spoil(text)
    assert wrong != text
    for response in (doors.get(token=wrong), doors.post(token=wrong)):
        assert code(response) == (401, "bad_token")
        assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Basic YTpi", "fy_whole", "Bearer", "bearer  ", "Digest x"])
def test_another_scheme_opens_nothing(header: str) -> None:
    assert code(Doors().get(headers={"authorization": header})) == (401, "bad_token")


def test_a_wrong_token_is_refused_over_the_socket_and_where_reading_is_open() -> None:
    doors = Doors()
    assert doors.get().status_code == 200
    assert code(doors.get(token="fy_wrong")) == (401, "bad_token")


def test_a_token_expires_and_can_be_revoked() -> None:
    doors = Doors()
    admin = doors.token("root-token", expires_seconds=None)
    text = doors.token("ana", Role.VIEWER, expires_seconds=100)
    doors.now = NOW + 99.9
    assert doors.get(token=text).status_code == 200
    doors.now = NOW + 100
    assert code(doors.get(token=text)) == (401, "token_expired")
    other = doors.token("bob", Role.VIEWER)
    assert doors.get(token=other).status_code == 200
    gone = doors.post("/v1/tokens/bob/revoke", json={"reason": "left"}, token=admin)
    assert (gone.status_code, gone.json()["state"]) == (200, "revoked")
    assert code(doors.get(token=other)) == (401, "token_revoked")
    assert doors.entries("token_revoked")[0] | {"id": ""} == {
        "id": "", "name": "bob", "reason": "left", "actor": "root-token",
    }  # fmt: skip
    assert doors.post(f"/v1/tokens/{token_id(other)}/revoke", token=admin).status_code == 200, "twice does no harm"
    assert len(doors.entries("token_revoked")) == 1
    assert doors.get(token=admin).status_code == 200


def test_tokens_are_made_over_the_api_and_told_once() -> None:
    doors = Doors()
    admin = doors.token("root-token")
    asked = {"name": "ana", "role": "operator", "service": "shop", "expires_seconds": 60}
    made = doors.post("/v1/tokens", json=asked, token=admin).json()
    assert made["view"] | {"id": ""} == {
        "id": "", "name": "ana", "roles": {"shop": "operator"}, "state": "live", "created_at": NOW,
        "created_by": "root-token", "expires_at": NOW + 60, "revoked_at": None, "used_at": None,
        "program": "", "environment": "",
    }  # fmt: skip
    assert doors.post(token=made["token"]).status_code == 200
    listed = doors.get("/v1/tokens", token=admin)
    assert made["token"] not in listed.text
    assert digest(made["token"]) not in listed.text
    assert [(t["name"], t["used_at"]) for t in listed.json()] == [("root-token", NOW), ("ana", NOW)]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a b", "role": "viewer"},
        {"name": "", "role": "viewer"},
        {"name": "x" * 101, "role": "viewer"},
        {"name": "Ferryman", "role": "viewer"},
        {"name": "anonymous", "role": "viewer"},
        {"name": "a\nb", "role": "viewer"},
        {"name": "<script>", "role": "viewer"},
        {"name": "ana", "role": "root"},
        {"name": "ana"},
        {"name": "ana", "role": "viewer", "service": "No Such"},
        {"name": "ana", "role": "viewer", "service": ""},
        {"name": "ana", "role": "viewer", "expires_seconds": 0},
        {"name": "ana", "role": "viewer", "expires_seconds": -1},
        {"name": "ana", "role": "viewer", "expires_seconds": 1e12},
        {"name": "ana", "role": "viewer", "roles": {}},
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(body: dict[str, object]) -> None:
    doors = Doors()
    admin = doors.token("root-token")
    assert doors.post("/v1/tokens", json=body, token=admin).status_code == 400
    assert len(doors.entries("token_created")) == 1


def test_which_token_is_meant_must_be_clear() -> None:
    doors = Doors()
    admin = doors.token("root-token")
    first, second = doors.token("ana"), doors.token("ana")
    assert code(doors.post("/v1/tokens/nobody/revoke", token=admin)) == (404, "unknown_token")
    refused = doors.post("/v1/tokens/ana/revoke", token=admin)
    assert code(refused) == (409, "ambiguous_token")
    assert str(token_id(first)) in refused.json()["hint"]
    assert doors.post(f"/v1/tokens/{token_id(first)}/revoke", token=admin).status_code == 200
    assert doors.post("/v1/tokens/ana/revoke", token=admin).status_code == 200
    assert code(doors.get(token=second)) == (401, "token_revoked")


def test_a_restart_forgets_nothing() -> None:
    doors = Doors()
    kept, gone = doors.token("ana"), doors.token("bob")
    asyncio.run(doors.access.revoke_token("bob", "root", ""))
    assert doors.get(token=kept).status_code == 200
    doors.restart()
    assert doors.get(token=kept).status_code == 200
    assert code(doors.get(token=gone)) == (401, "token_revoked")
    assert doors.access.find_token("ana").used_at == NOW


def test_the_last_use_is_written_down_once_a_day() -> None:
    doors = Doors()
    token = doors.token(expires_seconds=None)
    for hours in (0, 1, 23.9):
        doors.now = NOW + hours * 3600
        assert doors.get(token=token).status_code == 200
    assert len(doors.entries("token_used")) == 1
    assert doors.access.find_token("ana").used_at == doors.now
    doors.now = NOW + DAY
    assert doors.get(token=token).status_code == 200
    assert len(doors.entries("token_used")) == 2


OIDC = Oidc("https://a.b", "x", ())


@pytest.mark.parametrize(
    ("settings", "loopback", "reads"),
    [
        (Settings(), True, 200),
        (Settings(), False, 401),
        (Settings(public_url="https://ferry.example.com"), True, 401),
        (Settings(oidc=OIDC), True, 401),
    ],
)
def test_without_a_token_this_machine_may_read_and_nothing_else(settings: Settings, loopback: bool, reads: int) -> None:
    doors = Doors(settings, loopback)
    assert doors.get().status_code == reads
    assert code(doors.post()) == (401, "no_credential")
    assert code(doors.post("/v1/shutdown")) == (401, "no_credential")
    assert doors.get("/v1/tokens").status_code == (403 if reads == 200 else 401)
    assert not doors.fake.calls or doors.fake.calls == [("views",)]


def test_reading_closes_with_the_first_token_and_opens_when_all_are_revoked() -> None:
    doors = Doors()
    doors.token(expires_seconds=10)
    assert code(doors.get()) == (401, "no_credential")
    doors.now += 11
    assert code(doors.get()) == (401, "no_credential"), "an expired token does not open the doors"
    asyncio.run(doors.access.revoke_token("ana", "root", ""))
    assert doors.get().status_code == 200


FOREIGN = [
    "evil.example",
    "evil.example:80",
    "",
    "127.0.0.1.evil.example:1",
    "localhost.evil.example",
    "a@127.0.0.1",
    "[::1",
]


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_name_is_not_answered_even_with_a_token(host: str) -> None:
    doors = Doors(Settings(public_url="https://ferry.example.com:7300"))
    assert code(doors.get(headers={"host": host}, token=doors.token())) == (403, "wrong_host")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:1",
        "[::1]",
        "[::1]:80",
        "127.0.0.1",
        "10.1.2.3:7300",
        "FERRY.example.com",
        "ferry.example.com:7300",
    ],
)
def test_our_own_names_are(host: str) -> None:
    doors = Doors(Settings(public_url="https://ferry.example.com:7300"))
    assert doors.get(headers={"host": host}, token=doors.token()).status_code == 200


def test_reading_is_open_under_loopback_names_only() -> None:
    assert code(Doors().get(headers={"host": "10.1.2.3"})) == (401, "no_credential")


def test_wrong_tokens_are_limited_by_address_and_right_ones_are_not_held_up() -> None:
    doors = Doors()
    right = doors.token()
    for _ in range(10):
        assert code(doors.get(token="fy_wrong", address="10.0.0.1")) == (401, "bad_token")
    refused = doors.get(token="fy_wrong", address="10.0.0.1")
    assert code(refused) == (429, "too_many_attempts")
    assert refused.headers["retry-after"] == "6"
    assert code(doors.post("/v1/session", json={"token": "fy_wrong"}, address="10.0.0.1")) == (429, "too_many_attempts")
    assert code(doors.get(token="fy_other", address="10.0.0.2")) == (401, "bad_token"), "another address"
    assert doors.get(token=right, address="10.0.0.1").status_code == 200
    doors.now += 6.1
    assert code(doors.get(token="fy_wrong", address="10.0.0.1")) == (401, "bad_token")
    assert code(doors.get(token="fy_wrong", address="10.0.0.1")) == (429, "too_many_attempts")


def test_wrong_tokens_are_limited_by_the_token_they_name() -> None:
    doors = Doors()
    right = doors.token()
    wrong = f"fy_{token_id(right)}_{'x' * 43}"
    codes = [doors.get(token=wrong, address=f"10.0.0.{n}").status_code for n in range(12)]
    assert codes == [401] * 10 + [429] * 2
    assert doors.get(token=right, address="10.0.1.1").status_code == 200


def test_attempts_are_remembered_in_bounded_memory() -> None:
    attempts = Attempts(burst=2, seconds_each=10, keys_max=100)
    for n in range(1000):
        attempts.failed(f"address {n}", NOW)
    assert len(attempts) == 100
    assert [attempts.failed("a", NOW) for _ in range(4)] == [0, 0, 10, 10]
    assert attempts.failed("a", NOW + 5) == 5
    assert attempts.failed("a", NOW + 10) == 0
    assert attempts.failed("a", NOW + 10) == 10
    assert [attempts.failed("a", NOW + 1000) for _ in range(3)] == [0, 0, 10]
    assert attempts.failed("a", NOW) > 0, "a clock that steps back opens nothing"


def test_a_network_of_ipv6_is_one_address() -> None:
    assert address_key("2001:db8:1:2:aaaa::1") == address_key("2001:db8:1:2:bbbb::9") != address_key("2001:db8:1:3::1")
    assert address_key("::ffff:10.0.0.1") == address_key("10.0.0.1")
    assert len(address_key("x" * 1000)) == 64


def test_security_headers_go_with_every_answer() -> None:
    doors = Doors()
    for response in (doors.get(), doors.get("/v1/nothing"), doors.post(), doors.get("/"), doors.get(token="x")):
        policy = response.headers["content-security-policy"]
        assert "default-src 'self'" in policy or "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] in {"no-referrer", "same-origin"}
        assert "strict-transport-security" not in response.headers
    assert doors.get().headers["cache-control"] == "no-store"


def test_a_name_is_checked_where_tokens_are_made_without_the_api() -> None:
    with pytest.raises(UsageError) as caught:
        Doors().token("a b")
    assert caught.value.code == "bad_name"
