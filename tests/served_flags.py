"""A real controller's API with flags in it, on a loopback port, for clients of other systems."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from ferryman.model.settings import Listen
from unit.api.fake_controller import FakeController, serving


class ServedFlags:
    """`token` is one of a program, for the environment `prod`."""

    def __init__(self, fake: FakeController, socket: str, url: str | None, document: str) -> None:
        assert url is not None
        self.url = url
        self._fake = fake
        self.owner = httpx2.Client(transport=httpx2.HTTPTransport(uds=socket), base_url="http://localhost")
        self.post("/v1/flags", {"document": document, "parent": 0})
        self.token = self.program("server")

    def program(self, kind: str, environment: str = "prod") -> str:
        """A token of a program."""
        asked = {"name": "app", "program": kind, "environment": environment}
        return str(self.post("/v1/tokens", asked)["token"])

    def kill(self, flag: str) -> None:
        """Turn a flag off for everybody."""
        self.post(f"/v1/environments/prod/flags/{flag}/kill", {"reason": "too slow"})

    def unkill(self, flag: str) -> None:
        """End that."""
        self.post(f"/v1/environments/prod/flags/{flag}/unkill", {})

    def counted(self, flag: str, variant: str) -> int:
        """How often clients said that they served a variant."""
        found = self._fake.flags.evaluations.of("prod", flag, 0.0)
        return sum(each.evaluations for each in found if each.variant == variant)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Ask as the owner."""
        answer = self.owner.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextlib.contextmanager
def serving_flags(folder: Path, document: str) -> Iterator[ServedFlags]:
    """Serve the flags of a flags file."""
    fake = FakeController()
    with serving(fake, folder, Listen("127.0.0.1", 0)) as record:
        made = ServedFlags(fake, record.socket, record.url, document)
        try:
            yield made
        finally:
            made.owner.close()
