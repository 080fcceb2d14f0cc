"""A real controller's API with flags in it, on a loopback port, for clients of other systems."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from ferryman.api.place import ControllerRecord
from ferryman.engine.flags.evaluations import UNTOLD
from ferryman.model.settings import Flagd, Listen, Settings, Tls
from unit.api.fake_controller import FakeController, serving


class ServedFlags:
    """`token` is one of a program, for the environment `prod`."""

    def __init__(self, fake: FakeController, record: ControllerRecord, document: str, *, with_token: bool) -> None:
        self.url, self.flagd = str(record.url), record.flagd
        self._fake = fake
        self.owner = httpx2.Client(transport=httpx2.HTTPTransport(uds=record.socket), base_url="http://localhost")
        self.set(document)
        self.token = self.program("server") if with_token else ""

    def set(self, document: str, *environments: str) -> None:
        """Write flags."""
        asked = {"document": document, "parent": self._fake.flags.ledger.version, "environments": environments}
        self.post("/v1/flags", asked)

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

    def spoil(self, flag: str, definition: dict[str, Any]) -> None:
        """Put a definition before the evaluator that no flags file could bring there."""
        self._fake.flags.served("prod").evaluator.patch({flag: definition})

    def counted(self, flag: str, variant: str) -> int:
        """How often clients said that they served a variant."""
        found = self._fake.flags.evaluations.of("prod", flag, 0.0)
        return sum(each.evaluations for each in found if each.variant == variant)

    def untold(self) -> int | None:
        """When a program last asked without saying which flags it uses."""
        return self._fake.flags.evaluations.last("prod", UNTOLD)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Ask as the owner."""
        answer = self.owner.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextlib.contextmanager
def serving_flags(
    folder: Path, document: str, settings: Settings | None = None, *, with_token: bool = True
) -> Iterator[ServedFlags]:
    """Serve the flags of a flags file."""
    fake = FakeController()
    with serving(fake, folder, Listen("127.0.0.1", 0), settings) as record:
        made = ServedFlags(fake, record, document, with_token=with_token)
        try:
            yield made
        finally:
            made.owner.close()


ANYWHERE_HERE = Listen("127.0.0.1", 0)


def with_flagd(folder: Path, *, anonymous: bool = False, tls: Tls | None = None) -> Settings:
    """Settings under which clients of flagd are answered on free ports."""
    return Settings(str(folder), flagd=Flagd(ANYWHERE_HERE, ANYWHERE_HERE, anonymous), tls=tls)


def port_of(place: str) -> int:
    """The port of `ADDRESS:PORT`."""
    return int(place.rpartition(":")[2])
