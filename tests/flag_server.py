"""A small flag server for tests of the client: the stream, the definitions, and what clients report."""

import json
import queue
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TOKEN = "a-token-of-the-test"
HEARTBEAT_SECONDS = 0.5


class FlagServer:
    """Listens on loopback; `set`, `delete` and `put` reach every client. Used with `with`."""

    def __init__(self, port: int = 0, *, streams: bool = True, tls: ssl.SSLContext | None = None) -> None:
        self.streams = streams
        self.version = 1
        self.flags: dict[str, Any] = {}
        self.reports: list[dict[str, Any]] = []
        self.resumed: list[str | None] = []
        self.requests: list[str] = []
        self.status = 200
        self.resumes = True
        self.chunked = True
        self._queues: list[queue.Queue[bytes | None]] = []
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.get(self)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if server.status == 200:
                    server.reports.append(json.loads(body))
                answer(self, 202 if server.status == 200 else server.status, b"")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._http = Server(("127.0.0.1", port), Handler)
        self.port = self._http.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.drop_streams()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)

    def document(self) -> dict[str, Any]:
        return {"version": self.version, "flags": self.flags, "metadata": {"environment": "test"}}

    def set(self, **flags: Any) -> int:
        """Change flags; the new version."""
        with self._lock:
            self.version += 1
            self.flags = {**self.flags, **flags}
            self._say("patch", {"version": self.version, "flags": flags})
        return self.version

    def delete(self, *keys: str) -> None:
        with self._lock:
            self.version += 1
            self.flags = {key: value for key, value in self.flags.items() if key not in keys}
            self._say("delete", {"version": self.version, "keys": list(keys)})

    def say(self, name: str, data: Any) -> None:
        """Send any event to all."""
        with self._lock:
            self._say(name, data)

    def drop_streams(self) -> None:
        """End all streams, as a server that goes down."""
        with self._lock:
            for waiting in self._queues:
                waiting.put(None)

    def listeners(self) -> int:
        with self._lock:
            return len(self._queues)

    def _say(self, name: str, data: Any) -> None:
        raw = event(name, data)
        for waiting in self._queues:
            waiting.put(raw)

    def get(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append(request.path)
        if request.headers["Authorization"] != f"Bearer {TOKEN}":
            answer(request, 401, b"")
        elif self.status != 200:
            answer(request, self.status, b"")
        elif request.path == "/v1/flags/definitions":
            etag = f'"{self.version}"'
            if request.headers["If-None-Match"] == etag:
                answer(request, 304, b"")
            else:
                answer(request, 200, json.dumps(self.document()).encode(), ETag=etag)
        elif request.path == "/v1/flags/stream" and self.streams:
            self._stream(request)
        else:
            answer(request, 404, b"")

    def _stream(self, request: BaseHTTPRequestHandler) -> None:
        waiting: queue.Queue[bytes | None] = queue.Queue()
        last = request.headers["Last-Event-ID"]
        with self._lock:
            self.resumed.append(last)
            same = self.resumes and last == str(self.version)
            waiting.put(event("current", {"version": self.version}) if same else event("put", self.document()))
            self._queues.append(waiting)
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.send_header(*(("Transfer-Encoding", "chunked") if self.chunked else ("Connection", "close")))
        request.end_headers()
        try:
            while True:
                try:
                    raw = waiting.get(timeout=HEARTBEAT_SECONDS)
                except queue.Empty:
                    raw = b": still here\n\n"
                if raw is None:
                    break
                request.wfile.write(b"%x\r\n%s\r\n" % (len(raw), raw) if self.chunked else raw)
            request.wfile.write(b"0\r\n\r\n" if self.chunked else b"")
        except OSError:
            pass
        finally:
            with self._lock:
                self._queues.remove(waiting)
            request.close_connection = True


def event(name: str, data: Any) -> bytes:
    """One server-sent event."""
    version = data.get("version", "") if isinstance(data, dict) else ""
    return f"event: {name}\nid: {version}\ndata: {json.dumps(data)}\n\n".encode()


def answer(request: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
