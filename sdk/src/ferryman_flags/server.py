"""The server as a client sees it: three requests (docs/reference/flags-stream.md), over `http.client`."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 45.0
"""A stream that says nothing for so long is dead; the server says something every 15 s."""
PIECE_BYTES = 256 * 1024
SOURCE_DIGITS = 12
BODY_BYTES_MAX = 256 * 1024 * 1024


class ServerError(Exception):
    """The server cannot be reached, or answers what it should not. `status` is 0 without an answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Server:
    """Where the flags come from. `ValueError` if `url` is no http or https address with a host."""

    def __init__(self, url: str, token: str | None) -> None:
        parts = urlsplit(url)
        if "@" in parts.netloc:
            raise ValueError("the address of a flag server holds a name or password; what opens it is the token")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is no address of a flag server: http://HOST:PORT or https://HOST is needed")
        if token and not (token.isascii() and token.isprintable()):
            raise ValueError("the token of a flag server has characters that no header can carry")
        self.source = f"{url.rstrip('/')} {hashlib.sha256((token or '').encode()).hexdigest()[:SOURCE_DIGITS]}"
        """Server and environment, for a snapshot; the token itself cannot be told from it."""
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/")
        self._is_tls = parts.scheme == "https"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._streaming: socket.socket | None = None

    def stream(self, last_version: int | None) -> Iterator[bytes]:
        """The bytes of the stream of events as they come, until it ends. Raises `ServerError`, also at first."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
        if last_version is not None:
            headers["Last-Event-ID"] = str(last_version)
        with closing(self._connection()) as connection:
            try:
                connection.connect()
                self._streaming = line = connection.sock  # the connection forgets it if the server will close
                response = self._ask(connection, "GET", "/v1/flags/stream", headers)
                if response.status != http.HTTPStatus.OK:
                    raise ServerError(f"the stream of flags answered {response.status}", response.status)
                line.settimeout(SILENCE_SECONDS)
                while piece := response.read1(PIECE_BYTES):
                    yield piece
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise ServerError(f"the stream of flags broke off: {_said(error)}") from None
            finally:
                self._streaming = None

    def definitions(self, etag: str | None) -> tuple[bytes, str] | None:
        """The whole document and its ETag; None if it is still the one of `etag`. Raises `ServerError`."""
        headers = {"If-None-Match": etag} if etag else {}
        status, body, answer = self._exchange("GET", "/v1/flags/definitions", headers, None)
        if status == http.HTTPStatus.NOT_MODIFIED:
            return None
        if status != http.HTTPStatus.OK:
            raise ServerError(f"the flag server answered {status}", status)
        return body, answer.get("ETag", "")

    def report(self, body: Mapping[str, Any]) -> None:
        """Tell what was counted. Raises `ServerError`."""
        headers = {"Content-Type": "application/json"}
        status, _, _ = self._exchange("POST", "/v1/flags/evaluations", headers, json.dumps(body).encode())
        if status not in {http.HTTPStatus.OK, http.HTTPStatus.ACCEPTED, http.HTTPStatus.NO_CONTENT}:
            raise ServerError(f"the report of evaluations was answered with {status}", status)

    def hang_up(self) -> None:
        """End the stream that another thread reads."""
        streaming = self._streaming
        if streaming is not None:
            with suppress(OSError):
                streaming.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        """After a fork: the connection is the parent's, so nothing may be said on it."""
        self._streaming = None

    def _exchange(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        with closing(self._connection()) as connection:
            try:
                response = self._ask(connection, method, path, headers, body)
                answer = response.read(BODY_BYTES_MAX)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise ServerError(f"the flag server does not answer: {_said(error)}") from None
            return response.status, answer, response.headers

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=CONNECT_SECONDS)

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None = None,
    ) -> http.client.HTTPResponse:
        connection.request(method, self._path + path, body, {**self._headers, **headers})
        return connection.getresponse()


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
