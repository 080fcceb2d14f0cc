"""The real server beyond its socket: where it refuses to listen, TLS, and who is who over TCP."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import httpx2
import pytest

from certificates import make_certificate
from ferryman.cli.client import Client
from ferryman.model.errors import ControllerError
from ferryman.model.role import Role
from ferryman.model.settings import Listen, Oidc, RoleRule, Settings, Tls
from unit.api.doors_kit import Doors, code, with_token
from unit.api.fake_controller import FakeController, serving

ANYWHERE = Listen("0.0.0.0", 0)
OIDC = Oidc("https://a.b", "x", (RoleRule("c", "v", "viewer"),))


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        (Settings(listen=ANYWHERE), "no_tls"),
        (Settings(listen=ANYWHERE, insecure_http=True), "no_authentication"),
        (Settings(listen=Listen("::", 0), insecure_http=True), "no_authentication"),
        (Settings(listen=ANYWHERE, public_url="https://a.b"), "no_tls"),
        (Settings(listen=ANYWHERE, oidc=OIDC, public_url="https://a.b"), "no_tls"),
        (Settings(listen=ANYWHERE, tls=Tls("none.pem", "none.key")), "no_authentication"),
    ],
)
def test_beyond_loopback_it_refuses_to_start_open(tmp_path: Path, settings: Settings, refused: str) -> None:
    fake = FakeController()
    with pytest.raises(ControllerError) as caught, serving(fake, tmp_path, settings=settings):
        pass
    assert caught.value.code == refused
    assert caught.value.hint
    assert ("close",) in fake.calls or ("shutdown",) in fake.calls


def test_a_token_that_expired_is_no_way_in(tmp_path: Path) -> None:
    fake, _ = with_token(expires_seconds=1.0)  # of a clock long ago
    doors = Doors(fake=fake, now=0.0)
    asyncio.run(doors.access.revoke_token("ana", "root", ""))
    with (
        pytest.raises(ControllerError) as caught,
        serving(fake, tmp_path, settings=Settings(listen=ANYWHERE, insecure_http=True)),
    ):
        pass
    assert caught.value.code == "no_authentication"


def test_it_listens_anywhere_with_a_token_and_told_that_http_will_do(tmp_path: Path) -> None:
    fake, token = with_token()
    with serving(fake, tmp_path, settings=Settings(listen=ANYWHERE, insecure_http=True)) as record:
        url = f"http://127.0.0.1:{str(record.url).rpartition(':')[2]}"
        assert code(httpx2.get(f"{url}/v1/services")) == (401, "no_credential")
        header = {"authorization": f"Bearer {token}"}
        assert httpx2.post(f"{url}/v1/services/shop/pause", json={}, headers=header).status_code == 200
        assert fake.calls[-1][3] == "ana"


def test_https_is_served_and_http_is_not(tmp_path: Path) -> None:
    fake, token = with_token()
    settings = Settings(str(tmp_path), ANYWHERE, tls=make_certificate(tmp_path))
    trusted = ssl.create_default_context(cafile=str(tmp_path / "ferry.pem"))
    header = {"authorization": f"Bearer {token}"}
    with serving(fake, tmp_path, settings=settings) as record:
        assert str(record.url).startswith("https://0.0.0.0:")
        url = f"https://127.0.0.1:{str(record.url).rpartition(':')[2]}"
        with httpx2.Client(verify=trusted, base_url=url) as client:
            answer = client.get("/v1/services", headers=header)
            assert answer.status_code == 200
            assert answer.headers["strict-transport-security"]
            assert code(client.get("/v1/services")) == (401, "no_credential")
            signed_in = client.post("/v1/session", json={"token": token}, headers={"origin": url})
            assert signed_in.headers["set-cookie"].startswith("__Host-ferry-")
            assert client.get("/v1/session").json()["name"] == "ana"
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{url}/v1/services", headers=header)
        with pytest.raises(httpx2.TransportError):
            httpx2.get(f"{url.replace('https', 'http')}/v1/services", headers=header)
        with Client(Path(record.socket)) as over_socket:
            assert over_socket.views()


def test_the_owner_of_the_socket_is_admin_and_a_token_there_is_what_it_is(tmp_path: Path) -> None:
    fake, token = with_token(Role.VIEWER)
    with serving(fake, tmp_path) as record:
        transport = httpx2.HTTPTransport(uds=record.socket)
        with httpx2.Client(transport=transport, base_url="http://localhost") as client:
            assert client.get("/v1/session").json()["via"] == "socket"
            assert client.get("/v1/tokens").status_code == 200
            header = {"authorization": f"Bearer {token}"}
            assert code(client.get("/v1/tokens", headers=header)) == (403, "forbidden")


@pytest.mark.parametrize("spoil", ["missing", "not pem", "other key", "unreadable name"])
def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, spoil: str) -> None:
    fake, _ = with_token()
    tls = make_certificate(tmp_path)
    if spoil == "missing":
        tls = Tls("none.pem", tls.key)
    elif spoil == "not pem":
        (tmp_path / tls.cert).write_text("no certificate")
    elif spoil == "other key":
        tls = Tls(tls.cert, make_certificate(tmp_path, "other").key)
    else:
        tls = Tls(".", tls.key)
    with (
        pytest.raises(ControllerError, match="cannot be used") as caught,
        serving(fake, tmp_path, settings=Settings(str(tmp_path), ANYWHERE, tls=tls)),
    ):
        pass
    assert caught.value.code == "tls_failed"


def test_who_forwards_for_others_is_not_believed(tmp_path: Path) -> None:
    fake, _ = with_token()
    with serving(fake, tmp_path, listen=Listen("127.0.0.1", 0)) as record:
        codes: list[int] = []
        for n in range(40):
            headers = {
                "authorization": "Bearer fy_wrong",
                "x-forwarded-for": f"10.0.0.{n}",
                "x-forwarded-proto": "https",
            }
            codes.append(httpx2.get(f"{record.url}/v1/services", headers=headers).status_code)
        assert 429 in codes, "counted as one address"
