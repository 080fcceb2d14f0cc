"""The controller's own health, told to those who watch over it."""

from __future__ import annotations

import json
import logging
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ferryman.api.access.principal import Principal
from ferryman.api.connection_book import Book
from ferryman.cli.logformat import JsonLines
from ferryman.model.errors import Conflict, StoreError, Unreachable
from ferryman.model.role import Role
from unit.api.fake_controller import CHANNEL
from unit.api.test_endpoints import Served

ADMIN = Principal("ana", {"*": Role.ADMIN})


def figures(served: Served) -> dict[str, float]:
    response = served.ask("GET", "/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values() if value): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_the_process_says_that_it_lives_to_anybody() -> None:
    response = Served(None).ask("GET", "/healthz")
    assert (response.status_code, response.json()) == (200, {"alive": True})


def test_readiness_is_told_to_anybody_and_its_reasons_to_who_is_known() -> None:
    known, stranger = Served(ADMIN), Served(None)
    known.fake.notifier.channels = ()
    assert known.ask("GET", "/readyz").json() == {"ready": True, "problems": [], "warnings": []}
    for served in (known, stranger):
        served.fake.vitals.problems = ("the store takes no writes: disk full",)
    refused = known.ask("GET", "/readyz")
    assert (refused.status_code, refused.json()["problems"]) == (503, ["the store takes no writes: disk full"])
    refused = stranger.ask("GET", "/readyz")
    assert (refused.status_code, refused.json()) == (503, {"ready": False, "problems": [], "warnings": []})


def test_channels_in_trouble_are_told_to_who_is_known_and_make_nobody_unready() -> None:
    known, stranger = Served(ADMIN), Served(None)
    trouble = "ops: 3 attempts failed, 2 notices wait: https://ops.example.org answers 503"
    for served in (known, stranger):
        served.fake.notifier.channels = (CHANNEL,)
    found = known.ask("GET", "/readyz")
    assert (found.status_code, found.json()) == (200, {"ready": True, "problems": [], "warnings": [trouble]})
    found = stranger.ask("GET", "/readyz")
    assert (found.status_code, found.json()) == (200, {"ready": True, "problems": [], "warnings": []})
    told = figures(known)
    assert told["ferryman_channel_waiting ops"] == 2
    assert told["ferryman_channel_failures ops"] == 3
    assert told["ferryman_channel_in_trouble ops"] == 1
    assert told["ferryman_notices_total ops sent"] == 4
    assert told["ferryman_notices_total ops given_up"] == 1


def test_figures_are_those_that_the_loops_counted() -> None:
    served = Served(ADMIN)
    telemetry = served.fake.vitals.telemetry
    for lag in (0.001, 0.02, 0.3, 60.0):
        telemetry.began(lag)
    telemetry.decided(0)
    telemetry.decided(3)
    for problem in (
        Conflict("stale_seq", "late"),
        StoreError("disk_full", "no"),
        ZeroDivisionError(),
        StoreError("x", ""),
    ):
        telemetry.failed("append", problem)
    telemetry.failed("observe", Unreachable("envoy", "silent"))
    telemetry.noted("target", 2)
    book = served.api.books["tcp"] = Book(1)
    assert [book.enter("10.0.0.1") is None for _ in range(3)] == [True, False, False]
    served.api.hub.counts.behind = 7
    found = figures(served)
    assert found["ferryman_tick_lag_seconds_bucket 0.005"] == 1
    assert found["ferryman_tick_lag_seconds_bucket 0.5"] == 3
    assert found["ferryman_tick_lag_seconds_bucket +Inf"] == found["ferryman_tick_lag_seconds_count"] == 4
    assert found["ferryman_tick_lag_seconds_sum"] == pytest.approx(60.321)
    assert (found["ferryman_turns_total"], found["ferryman_decisions_total"], found["ferryman_events_total"]) == (
        2,
        1,
        3,
    )
    assert found["ferryman_turn_failures_total append store"] == 2
    assert found["ferryman_turn_failures_total append conflict"] == 1
    assert found["ferryman_turn_failures_total append defect"] == 1
    assert found["ferryman_turn_failures_total observe unreachable"] == 1
    assert found["ferryman_adapter_notes_total target"] == 2
    assert (found["ferryman_connections tcp"], found["ferryman_connections_refused_total tcp"]) == (3, 2)
    assert found["ferryman_store_waiting"] == 4
    assert found["ferryman_stream_fell_behind_total"] == 7
    assert found["ferryman_rollouts paused"] == 1
    assert (found["ferryman_leases"], found["ferryman_rollouts_queued"]) == (2, 1)
    assert found["ferryman_services_in_trouble"] == 1
    assert found["ferryman_stream_clients"] == 0


def test_figures_are_not_for_everybody() -> None:
    assert Served(None).ask("GET", "/metrics").status_code == 401
    assert Served(Principal("ana", {"shop": Role.ADMIN})).ask("GET", "/metrics").status_code == 403


def test_a_line_of_the_log_is_json_with_its_ids() -> None:
    record = logging.makeLogRecord(
        {"name": "ferryman.loop", "levelname": "WARNING", "msg": "%s: Käse\n2", "args": ("shop",), "service": "shop"}
    )
    line = JsonLines().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["level"], told["message"], told["service"]) == ("warning", "shop: Käse\n2", "shop")
    assert "rollout" not in told
    try:
        raise ZeroDivisionError
    except ZeroDivisionError as error:
        record.exc_info = (type(error), error, error.__traceback__)
    assert re.search(r"ZeroDivisionError$", json.loads(JsonLines().format(record))["traceback"])
