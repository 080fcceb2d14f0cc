"""Counting costs nothing and changes nothing; a tracer sees every duty in its order."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, nullcontext

import pytest

from ferryman.engine.telemetry import LAG_BOUNDS_SECONDS, Telemetry


def test_without_a_tracer_a_duty_is_nothing() -> None:
    assert isinstance(Telemetry().duty("claim", "shop", ""), nullcontext)


def test_a_tracer_holds_each_duty() -> None:
    seen: list[tuple[str, ...]] = []

    @contextmanager
    def trace(name: str, service: str, rollout: str) -> Generator[None]:
        seen.append(("begin", name, service, rollout))
        yield
        seen.append(("end", name))

    with Telemetry(tracer=trace).duty("claim", "shop", "shop-1"):
        assert seen == [("begin", "claim", "shop", "shop-1")]
    assert seen[-1] == ("end", "claim")


@pytest.mark.parametrize(("lag", "index"), [(0.0, 0), (0.005, 0), (0.0051, 1), (10.0, 10), (11.0, 11)])
def test_a_lag_is_counted_under_the_bound_that_holds_it(lag: float, index: int) -> None:
    telemetry = Telemetry()
    telemetry.began(lag)
    assert telemetry.lag_counts[index] == 1
    assert len(telemetry.lag_counts) == len(LAG_BOUNDS_SECONDS) + 1


def test_spans_are_sent_where_the_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.sdk")
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    from ferryman.engine.tracing import start_tracing

    got: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        tracer, stop = start_tracing()
        with tracer("converge", "shop", "shop-7"):
            pass
        stop()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert [path for path, _ in got] == ["/v1/traces"]
    assert b"converge shop" in got[0][1]
    assert b"shop-7" in got[0][1]
