"""The controller's own figures for Prometheus (text format 0.0.4), collected when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from ferryman import __version__
from ferryman.api.connection_book import Book
from ferryman.api.port import Telling, Vitals
from ferryman.api.stream.hub import Counts
from ferryman.engine.telemetry import LAG_BOUNDS_SECONDS, Pulse, Telemetry
from ferryman.model.notice import ChannelView

MEDIA_TYPE = "text/plain; version=0.0.4"


def metrics_text(vitals: Vitals, stream: Counts, telling: Telling, books: Mapping[str, Book]) -> bytes:
    """Everything as it stands now. `books` has the connections of each server by what it listens on."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(vitals, stream, telling, books))
    return generate_latest(registry)


class _Collector:
    def __init__(self, vitals: Vitals, stream: Counts, telling: Telling, books: Mapping[str, Book]) -> None:
        self._vitals = vitals
        self._books = books
        self._telling = telling
        self._stream = stream

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield _gauge("ferryman_info", "The version that runs.", {(__version__,): 1.0}, ["version"])
        yield from _loops(self._vitals.telemetry)
        yield from _state(self._vitals.pulse())
        yield from _streams(self._stream)
        yield from _connections(self._books)
        yield from _channels(self._telling.views())


def _loops(told: Telemetry) -> Iterator[Metric]:
    lag = HistogramMetricFamily("ferryman_tick_lag_seconds", "By how much turns began later than they were due.")
    bounds = [*(str(bound) for bound in LAG_BOUNDS_SECONDS), "+Inf"]
    lag.add_metric([], list(zip(bounds, map(float, accumulate(told.lag_counts)), strict=True)), told.lag_seconds)
    yield lag
    yield _counter("ferryman_turns", "Turns of loops that went through all duties.", told.turns)
    yield _counter("ferryman_decisions", "Turns that decided something: that had events to record.", told.moves)
    yield _counter("ferryman_events", "Events that loops recorded.", told.events)
    failures = CounterMetricFamily(
        "ferryman_turn_failures",
        "Turns that failed, by duty, by how, and by the adapter it failed in.",
        labels=["duty", "kind", "adapter"],
    )
    for labels, count in told.failures.items():
        failures.add_metric(list(labels), count)
    yield failures
    notes = CounterMetricFamily(
        "ferryman_adapter_notes", "What adapters told of that went wrong, and that is in the log.", labels=["adapter"]
    )
    for adapter, count in told.notes.items():
        notes.add_metric([adapter], count)
    yield notes


def _state(pulse: Pulse) -> Iterator[Metric]:
    yield _gauge("ferryman_services", "Services of this controller.", {(): pulse.services})
    phases = {(phase,): float(count) for phase, count in pulse.phases.items()}
    yield _gauge("ferryman_rollouts", "Services by the phase of their present rollout.", phases, ["phase"])
    yield _gauge("ferryman_rollouts_queued", "Rollouts that wait for another one to end.", {(): pulse.queued})
    yield _gauge("ferryman_store_waiting", "Writes that wait for the disk.", {(): pulse.store_waiting})
    yield _gauge("ferryman_leases", "Services whose lease this controller holds.", {(): pulse.leases})
    yield _gauge("ferryman_services_in_trouble", "Services whose last turn failed.", {(): len(pulse.troubles)})
    yield _gauge("ferryman_loops_ended", "Services that nobody looks after any more.", {(): len(pulse.dead)})
    age = "Seconds since the turn of the loop that waited longest."
    yield _gauge("ferryman_oldest_turn_seconds", age, {(): pulse.oldest_turn_seconds})


def _streams(counts: Counts) -> Iterator[Metric]:
    yield _gauge("ferryman_stream_clients", "Clients that follow the stream.", {(): counts.clients})
    yield _counter("ferryman_stream_joined", "Clients that began to follow.", counts.joined)
    yield _counter("ferryman_stream_events", "Events that were sent to whoever follows.", counts.events)
    yield _counter("ferryman_stream_views", "Views that changed and were sent.", counts.views)
    yield _counter("ferryman_stream_snapshots", "Snapshots that were sent.", counts.snapshots)
    yield _counter("ferryman_stream_dropped", "Pieces that slow clients did not get.", counts.dropped)
    behind = "Snapshots that made up for what slow clients did not get."
    yield _counter("ferryman_stream_fell_behind", behind, counts.behind)


def _connections(books: Mapping[str, Book]) -> Iterator[Metric]:
    held = {(name,): float(book.open) for name, book in books.items()}
    yield _gauge("ferryman_connections", "Connections to the API, by what it listens on.", held, ["listener"])
    refused = CounterMetricFamily("ferryman_connections_refused", "Connections beyond the bounds.", labels=["listener"])
    for name, book in books.items():
        refused.add_metric([name], book.refused)
    yield refused


def _channels(views: tuple[ChannelView, ...]) -> Iterator[Metric]:
    waiting = {(view.name,): float(view.queued) for view in views}
    yield _gauge("ferryman_channel_waiting", "Notices that wait for a channel.", waiting, ["channel"])
    failures = {(view.name,): float(view.failures) for view in views}
    yield _gauge("ferryman_channel_failures", "Attempts in a row that failed.", failures, ["channel"])
    trouble = {(view.name,): float(bool(view.trouble)) for view in views}
    yield _gauge("ferryman_channel_in_trouble", "1 for a channel that somebody has to look at.", trouble, ["channel"])
    told = CounterMetricFamily("ferryman_notices", "What became of notices.", labels=["channel", "outcome"])
    for view in views:
        for outcome, count in (("sent", view.sent), ("given_up", view.given_up), ("dropped", view.dropped)):
            told.add_metric([view.name, outcome], count)
    yield told


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _gauge(
    name: str, text: str, values: dict[tuple[str, ...], float] | dict[tuple[()], int], labels: list[str] | None = None
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels or [])
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family
