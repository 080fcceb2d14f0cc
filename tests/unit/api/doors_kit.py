"""The API with its real access control over a controller that remembers, a clock that is set by hand, and browsers."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx2

from ferryman.api import wire
from ferryman.api.access.access import Access
from ferryman.api.access.credentials import digest
from ferryman.api.access.headers import SecureHeaders
from ferryman.api.access.oidc.flow import Flow
from ferryman.api.access.oidc.setup import flow_of
from ferryman.api.app import create_app
from ferryman.api.context import Api
from ferryman.model.role import Role
from ferryman.model.settings import Settings
from unit.api.fake_controller import FakeController

NOW = 1_800_000_000.0
URL = "http://127.0.0.1:7300"
COOKIE = f"ferry-{digest('.')[:8]}"
"""The name of the cookie where the settings lie in the present folder."""

HEALTH = wire.HealthView("0", 1, "p", 0.0)


@dataclass
class Doors:
    """One controller. `restart` is what a new process would know."""

    settings: Settings = field(default_factory=Settings)
    loopback: bool = True
    fake: FakeController = field(default_factory=FakeController)
    now: float = NOW

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.access = Access(
            self.fake.store, self.settings, lambda: self.now, secrets.token_bytes, self.loopback, self._flow()
        )
        asyncio.run(self.access.load())
        api = Api(self.fake, HEALTH, lambda: None, self.access.authenticate, self.access)
        self.app = SecureHeaders(create_app(api), tls=self.settings.tls is not None)

    def _flow(self) -> Flow | None:
        """None too where the provider is only named."""
        oidc = self.settings.oidc
        return flow_of(self.settings, lambda: self.now, secrets.token_bytes) if oidc and oidc.roles else None

    def token(
        self, name: str = "ana", role: Role = Role.ADMIN, service: str = "*", expires_seconds: float | None = 3600.0
    ) -> str:
        _, text = asyncio.run(self.access.create_token(name, role, service, expires_seconds, "root"))
        return text

    def program(self, kind: str = "server", environment: str = "prod") -> str:
        """The token of a program."""
        made = self.access.create_program_token(f"{kind}-{environment}", kind, environment, 3600.0, "root")
        return asyncio.run(made)[1]

    def ask(
        self,
        method: str,
        path: str,
        *,
        url: str = URL,
        address: str = "127.0.0.1",
        token: str | None = None,
        **given: Any,
    ) -> httpx2.Response:
        headers = dict(given.pop("headers", {}))
        if token is not None:
            headers["authorization"] = f"Bearer {token}"

        async def run() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self.app, client=(address, 40_000))
            async with httpx2.AsyncClient(transport=transport, base_url=url) as client:
                return await client.request(method, path, headers=headers, **given)

        return asyncio.run(run())

    def get(self, path: str = "/v1/services", **given: Any) -> httpx2.Response:
        return self.ask("GET", path, **given)

    def post(self, path: str = "/v1/services/shop/pause", **given: Any) -> httpx2.Response:
        return self.ask("POST", path, **{"json": {}, **given})

    def entries(self, kind: str | None = None) -> list[dict[str, Any]]:
        found = asyncio.run(self.fake.store.entries("access"))
        return [e.body | {"actor": e.actor} for e in found if kind in {None, e.kind}]

    def browser(self, token: str, **given: Any) -> Browser:
        return Browser(self, token, **given)


class Browser:
    """A page of ours after sign-in: it has a cookie, and sends its origin and the CSRF token with every write."""

    def __init__(self, doors: Doors, token: str, url: str = URL) -> None:
        self.doors, self.url = doors, url
        self.answer = doors.post("/v1/session", json={"token": token}, url=url, headers={"origin": url})
        assert self.answer.status_code == 200, self.answer.text
        self.name, self.cookie = self.answer.headers["set-cookie"].partition(";")[0].split("=", 1)
        self.csrf = self.answer.json()["csrf"]

    def headers(self, **changes: str | None) -> dict[str, str]:
        given = {"cookie": f"{self.name}={self.cookie}", "origin": self.url, "x-csrf-token": self.csrf}
        merged = given | {name.replace("_", "-"): value for name, value in changes.items()}
        return {name: value for name, value in merged.items() if value is not None}

    def get(self, path: str = "/v1/services", **changes: str | None) -> httpx2.Response:
        return self.doors.get(path, url=self.url, headers=self.headers(**changes))

    def post(self, path: str = "/v1/services/shop/pause", **changes: str | None) -> httpx2.Response:
        return self.doors.post(path, url=self.url, headers=self.headers(**changes))

    def delete(self, path: str, **changes: str | None) -> httpx2.Response:
        return self.doors.ask("DELETE", path, url=self.url, headers=self.headers(**changes))


def code(response: httpx2.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return response.status_code, response.json()["code"]


def with_token(role: Role = Role.OPERATOR, expires_seconds: float | None = None) -> tuple[FakeController, str]:
    """A controller for which a token was made before it starts."""
    doors = Doors()
    text = doors.token("ana", role, expires_seconds=expires_seconds)
    return doors.fake, text
