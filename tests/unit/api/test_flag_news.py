"""News of flags in the stream of events."""

from pathlib import Path

import httpx2

from unit.api.fake_controller import FakeController, serving
from unit.api.test_stream import OTHER, following
from unit.cli.samples import CANARY, event

DOCUMENT = "flags: {limit: {kind: ops, variants: {high: 10, low: 2}, off: low, default: high}}\n"


def test_news_of_flags_are_for_those_who_follow_everything(tmp_path: Path) -> None:
    fake = FakeController(services={"shop": CANARY, "other": OTHER})
    with (
        serving(fake, tmp_path) as record,
        httpx2.Client(
            transport=httpx2.HTTPTransport(uds=record.socket), base_url="http://localhost", timeout=20
        ) as http,
        following(record.socket) as everything,
        following(record.socket, "?service=shop") as one,
    ):
        assert {everything.read().kind, one.read().kind} == {"snapshot"}
        assert http.post("/v1/flags", json={"document": DOCUMENT, "parent": 0}).status_code == 200
        news = everything.until(lambda m: m.kind == "flags")
        assert [each["key"] for each in news.data["rows"]] == ["limit"]
        assert http.post("/v1/environments/prod/flags/limit/kill", json={}).status_code == 200
        news = everything.until(lambda m: m.kind == "flags")
        assert (news.id, news.data["rows"][0]["cells"][0]["state"]) == ("", "killed")
        fake.log.append(event(5, "five"))
        assert one.until(lambda m: m.kind in {"event", "flags"}).kind == "event"
