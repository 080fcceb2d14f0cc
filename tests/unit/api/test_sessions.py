"""Sign-in of a browser: the cookie, its end, and what a page of somebody else's cannot do with it."""

import asyncio

import pytest

from ferryman.api.access import state
from ferryman.model.role import Role
from ferryman.model.settings import Sessions, Settings, Tls
from unit.api.doors_kit import COOKIE, NOW, URL, Browser, Doors, code

SETTINGS = Settings(sessions=Sessions(lifetime_seconds=1000, idle_seconds=100))


@pytest.fixture
def doors() -> Doors:
    return Doors(SETTINGS)


def test_a_sign_in_sets_a_cookie_that_scripts_and_other_sites_do_not_get(doors: Doors) -> None:
    browser = doors.browser(doors.token("ana", Role.OPERATOR, "shop"))
    attributes = browser.answer.headers["set-cookie"].lower().split("; ")
    assert {"httponly", "samesite=strict", "path=/", "max-age=1000"} <= set(attributes)
    assert browser.name == COOKIE
    assert browser.answer.json() == {
        "name": "ana", "roles": {"shop": "operator"}, "via": "session", "csrf": browser.csrf,
        "expires_at": NOW + 1000, "oidc": False,
    }  # fmt: skip
    assert browser.get("/v1/session").json() == browser.answer.json()
    assert browser.cookie not in str(doors.entries())


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (Settings(tls=Tls("a", "b")), "https://127.0.0.1:7300"),
        (Settings(public_url="https://ferry.example.com"), "https://ferry.example.com"),
    ],
)
def test_with_https_the_cookie_is_kept_to_it_and_to_this_host(settings: Settings, url: str) -> None:
    doors = Doors(settings)
    browser = doors.browser(doors.token(), url=url)
    assert browser.name == f"__Host-{COOKIE}"
    attributes = browser.answer.headers["set-cookie"].lower().split("; ")
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= set(attributes)
    assert not [a for a in attributes if a.startswith("domain")]
    assert browser.get().status_code == 200
    assert doors.get(url=url, headers={"cookie": f"{COOKIE}={browser.cookie}"}).status_code == 401, "the name counts"
    assert ("strict-transport-security" in browser.answer.headers) is (settings.tls is not None)


def test_a_page_of_ours_reads_and_writes(doors: Doors) -> None:
    browser = doors.browser(doors.token("ana", Role.OPERATOR))
    assert browser.get().status_code == 200
    assert browser.post().status_code == 200
    assert doors.fake.calls[-1][3] == "ana"
    assert code(browser.get("/v1/tokens")) == (403, "forbidden")


@pytest.mark.parametrize(
    "changes",
    [
        {"x_csrf_token": None},
        {"x_csrf_token": ""},
        {"x_csrf_token": "x" * 43},
        {"origin": None},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:7301"},
        {"origin": "https://127.0.0.1:7300"},
        {"origin": "http://127.0.0.1:7300.evil.example"},
        {"origin": URL + "/"},
    ],
)
def test_a_write_by_cookie_needs_the_csrf_token_and_our_origin(doors: Doors, changes: dict[str, str | None]) -> None:
    browser = doors.browser(doors.token())
    assert code(browser.post("/v1/services/shop/pause", **changes)) == (403, "csrf")
    assert code(browser.delete("/v1/session", **changes)) == (403, "csrf")
    assert not [call for call in doors.fake.calls if call[0] == "verb"]
    assert browser.post().status_code == 200, "the session goes on"


def test_the_csrf_token_of_another_session_does_not_fit(doors: Doors) -> None:
    token = doors.token()
    one, other = doors.browser(token), doors.browser(token)
    assert one.cookie != other.cookie
    assert code(one.post(x_csrf_token=other.csrf)) == (403, "csrf")


def test_a_token_needs_no_csrf_token(doors: Doors) -> None:
    assert doors.post(token=doors.token(), headers={"origin": "https://evil.example"}).status_code == 200


def test_a_page_of_another_site_cannot_sign_somebody_in(doors: Doors) -> None:
    response = doors.post("/v1/session", json={"token": doors.token()}, headers={"origin": "https://evil.example"})
    assert code(response) == (403, "csrf")
    assert "set-cookie" not in response.headers
    form = doors.ask("POST", "/v1/session", data={"token": doors.token("bob")})
    assert code(form) == (400, "not_json")


@pytest.mark.parametrize("body", [{"token": "fy_wrong"}, {"token": ""}, {"token": "x" * 201}, {}, {"token": 1}])
def test_a_wrong_token_signs_nobody_in(doors: Doors, body: dict[str, object]) -> None:
    doors.token()
    response = doors.post("/v1/session", json=body)
    assert response.status_code in {400, 401}
    assert "set-cookie" not in response.headers
    assert doors.entries("signed_in") == []


def test_signing_in_again_works_with_an_old_cookie(doors: Doors) -> None:
    token = doors.token()
    browser = doors.browser(token)
    again = doors.post(
        "/v1/session", json={"token": token}, headers={"cookie": f"{COOKIE}={browser.cookie}", "origin": URL}
    )
    assert again.status_code == 200
    assert browser.cookie not in again.headers["set-cookie"]


def test_a_session_ends_when_idle_and_at_its_end_however_busy(doors: Doors) -> None:
    token = doors.token()
    browser = doors.browser(token)
    doors.now = NOW + 99
    assert browser.get().status_code == 200
    doors.now += 100
    assert code(browser.get()) == (401, "session_over")
    assert code(browser.post()) == (401, "session_over")
    doors.now = NOW + 200
    busy = doors.browser(token)
    for _ in range(19):
        doors.now += 50
        assert busy.get().status_code == 200
    doors.now = NOW + 1200
    assert code(busy.get()) == (401, "session_over")
    assert busy.get("/v1/session").json()["via"] == "none"


def test_signing_out_ends_it_here_and_in_the_browser(doors: Doors) -> None:
    browser = doors.browser(doors.token())
    gone = browser.delete("/v1/session")
    assert gone.json()["via"] == "none"
    assert f'{COOKIE}="";' in gone.headers["set-cookie"]
    assert "max-age=0" in gone.headers["set-cookie"].lower()
    assert code(browser.get()) == (401, "session_over")
    doors.restart()
    assert code(browser.get()) == (401, "session_over")
    assert [entry["actor"] for entry in doors.entries("signed_out")] == ["ana"]


def test_a_session_ends_with_the_token_it_began_with(doors: Doors) -> None:
    browser = doors.browser(doors.token("ana", expires_seconds=50))
    other = doors.browser(doors.token("bob"))
    asyncio.run(doors.access.revoke_token("bob", "root", ""))
    assert code(other.get()) == (401, "session_over")
    assert browser.get().status_code == 200
    doors.now += 50
    assert code(browser.get()) == (401, "session_over")


def test_a_restart_keeps_people_signed_in(doors: Doors) -> None:
    browser = doors.browser(doors.token())
    doors.restart()
    assert browser.get().status_code == 200
    assert browser.post().status_code == 200
    doors.now += 1000
    doors.restart()
    assert code(browser.get()) == (401, "session_over")
    assert doors.access.state.sessions == {}


@pytest.mark.parametrize("cookie", ["", "x", "fs_" + "A" * 43, "fs_" + "A" * 5000, "fs_é"])
def test_a_made_up_cookie_opens_nothing_even_where_reading_is_open(cookie: str) -> None:
    doors = Doors(SETTINGS)
    headers = {"cookie": f"{COOKIE}={cookie}".encode("latin-1")}
    assert code(doors.get(headers=headers)) == (401, "session_over")
    assert doors.get("/v1/session", headers=headers).json()["via"] == "none"


def test_sessions_are_bounded_and_the_longest_idle_one_goes(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "SESSIONS_MAX", 3)
    token = doors.token()
    browsers = [doors.browser(token) for _ in range(3)]
    assert browsers[0].get().status_code == 200
    browsers.append(doors.browser(token))
    assert [b.get().status_code for b in browsers] == [200, 401, 200, 200]


def test_nobody_and_the_machine_are_told_who_they_are(doors: Doors) -> None:
    assert doors.get("/v1/session").json()["via"] == "loopback"
    doors.token()
    assert doors.get("/v1/session").json() == {
        "name": "", "roles": {}, "via": "none", "csrf": "", "expires_at": None, "oidc": False,
    }  # fmt: skip


def test_who_signed_in_is_in_the_journal(doors: Doors) -> None:
    Browser(doors, doors.token("ana"))
    (entry,) = doors.entries("signed_in")
    assert (entry["actor"], entry["via"], entry["address"]) == ("ana", "token", "127.0.0.1")


def test_an_admin_sees_who_is_signed_in_and_ends_it(doors: Doors) -> None:
    admin, token = doors.token("root-token"), doors.token("ana", Role.OPERATOR, "shop")
    browser = doors.browser(token)
    (seen,) = doors.get("/v1/sessions", token=admin).json()
    assert seen | {"id": ""} == {
        "id": "", "name": "ana", "roles": {"shop": "operator"}, "via": "token", "address": "127.0.0.1",
        "started_at": NOW, "seen_at": NOW, "expires_at": NOW + 1000,
    }  # fmt: skip
    assert browser.cookie not in str(seen)
    assert code(doors.get("/v1/sessions", token=token)) == (403, "forbidden")
    assert code(doors.post(f"/v1/sessions/{seen['id']}/end", token=token)) == (403, "forbidden")
    assert code(doors.post("/v1/sessions/none/end", token=admin)) == (404, "unknown_session")
    ended = doors.post(f"/v1/sessions/{seen['id']}/end", json={"reason": "lost laptop"}, token=admin)
    assert (ended.status_code, ended.json()["name"]) == (200, "ana")
    assert code(browser.get()) == (401, "session_over")
    doors.restart()
    assert code(browser.get()) == (401, "session_over")
    assert doors.get("/v1/sessions", token=admin).json() == []
    (entry,) = doors.entries("signed_out")
    assert (entry["actor"], entry["name"], entry["reason"]) == ("root-token", "ana", "lost laptop")


def test_sessions_that_are_over_are_not_shown(doors: Doors) -> None:
    admin = doors.token("root-token")
    doors.browser(doors.token("ana"))
    doors.now += 100
    assert doors.get("/v1/sessions", token=admin).json() == []


def test_controllers_on_one_machine_keep_their_cookies_apart(doors: Doors) -> None:
    other = Doors(Settings(folder="/srv/other"))
    mine, theirs = doors.browser(doors.token()), other.browser(other.token())
    assert mine.name != theirs.name
    both = f"{mine.name}={mine.cookie}; {theirs.name}={theirs.cookie}"
    assert [each.get(headers={"cookie": both}).status_code for each in (doors, other)] == [200, 200]
