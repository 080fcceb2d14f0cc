"""A real Prometheus server of its own, and a program whose counters it reads: both on loopback."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

from support import eventually, free_port, need_command

SCRAPE_SECONDS = 0.2
CONFIG = """\
global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs:
  - job_name: shop
    static_configs: [{targets: [%s]}]
"""


class Exporter:
    """A program with counters. `lines` is its page, in the text format; set it as a whole."""

    def __init__(self) -> None:
        self.lines = ""
        self.down = False
        exporter = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(503 if exporter.down else 200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(exporter.lines.encode())

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class PrometheusProcess:
    """One that reads `exporters` every 200 ms."""

    def __init__(self, folder: Path, *exporters: Exporter) -> None:
        command = need_command("prometheus", package="prometheus")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "prometheus.yml").write_text(CONFIG % ", ".join(json.dumps(each.address) for each in exporters))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        words = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
        words += [f"--web.listen-address=127.0.0.1:{port}"]
        with (folder / "prometheus.out").open("ab") as out:
            self._process = subprocess.Popen([command, *words], stdout=out, stderr=out)

    def ready(self) -> None:
        """Wait until it answers queries."""
        eventually(lambda: self.ask("vector(1)") == 1.0, what="Prometheus", seconds=60)

    def ask(self, query: str) -> float | None:
        """The first number of an answer, by other means than those under test."""
        with urlopen(f"{self.url}/api/v1/query?query={quote(query)}", timeout=10) as answer:
            result = json.load(answer)["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def read(self, query: str, value: float | None) -> None:
        """Wait until it has read that."""
        eventually(lambda: self.ask(query) == value, what=f"{query} is {value}", seconds=60)

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)


@contextlib.contextmanager
def prometheus(folder: Path, *exporters: Exporter) -> Iterator[PrometheusProcess]:
    """A server that reads these."""
    made = PrometheusProcess(folder, *exporters)
    try:
        made.ready()
        yield made
    finally:
        made.close()
