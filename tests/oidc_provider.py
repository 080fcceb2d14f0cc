"""An OpenID Connect provider for tests: a real HTTP server with real keys, in a thread. It signs everybody in at once, checks
PKCE, the client's secret and that a code is used once, and can be told to lie."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

CLIENT, SECRET = "ferryman", "s3cret & more"
Claims = dict[str, Any]


@dataclass
class Key:
    """A signing key with its id; `algorithm` RS256 or ES256."""

    algorithm: str = "RS256"
    kid: str = field(default_factory=lambda: secrets.token_hex(4))

    def __post_init__(self) -> None:
        self.private: Any = (
            rsa.generate_private_key(65537, 2048)
            if self.algorithm == "RS256"
            else ec.generate_private_key(ec.SECP256R1())
        )

    @property
    def public(self) -> dict[str, Any]:
        kind = RSAAlgorithm if self.algorithm == "RS256" else ECAlgorithm
        found = kind.to_jwk(self.private.public_key(), as_dict=True)
        return {**found, "kid": self.kid, "use": "sig", "alg": self.algorithm}


@dataclass
class Provider:
    """`claims` are those of whoever signs in; `spoil` changes them just before they are signed, `sign` makes the token,
    `configuration` changes what it says of itself. With `refuses`, the code of an error, a browser is sent back with that.
    `asked` counts requests by path."""

    keys: list[Key] = field(default_factory=lambda: [Key()])
    claims: Claims = field(default_factory=lambda: {"sub": "u1", "email": "ana@example.com", "groups": ["shop-team"]})
    spoil: Callable[[Claims], Claims] = lambda claims: claims
    sign: Callable[[Claims, Key], str] = lambda claims, key: jwt.encode(
        claims, key.private, key.algorithm, headers={"kid": key.kid}
    )
    configuration: dict[str, Any] = field(default_factory=dict)
    secret: str = SECRET
    answer: tuple[int, bytes] | None = None
    refuses: str = ""
    asked: dict[str, int] = field(default_factory=dict)
    issuer: str = ""
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def authorize(self, url: str) -> str:
        """What the provider does with a browser that comes with this URL: where it sends it back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer, "session_state": "x"}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def refuse(self, url: str) -> str:
        """The same for somebody who is not let in there."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        back = {"error": self.refuses, "state": asked["state"], "iss": self.issuer}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        asked = self._codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        if asked is None or challenge != asked["code_challenge"] or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        if not self._is_client(form, authorization):
            return 401, {"error": "invalid_client"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.claims,
        }
        token = self.sign(self.spoil(claims), self.keys[0])
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": token}

    def _is_client(self, form: dict[str, str], authorization: str) -> bool:
        if not self.secret:
            return form.get("client_id") == CLIENT
        if authorization.startswith("Basic "):
            name, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
            return (unquote(name), unquote(secret)) == (CLIENT, self.secret)
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT, self.secret)

    def get(self, path: str) -> tuple[int, Any]:
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **self.configuration,
            }
        if path == "/keys":
            return 200, {"keys": [key.public for key in self.keys]}
        return 404, {}


@contextlib.contextmanager
def running(provider: Provider) -> Iterator[Provider]:
    """Serve it on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _serve(self, answered: Callable[[str], tuple[int, Any]]) -> None:
            path = urlsplit(self.path).path
            provider.asked[path] = provider.asked.get(path, 0) + 1
            if provider.answer is not None:
                self._reply(*provider.answer)
                return
            status, found = answered(path)
            self._reply(status, json.dumps(found).encode())

        def do_GET(self) -> None:
            if not self.path.startswith("/authorize?"):
                self._serve(provider.get)
                return
            self.send_response(303)
            self.send_header(
                "location", provider.refuse(self.path) if provider.refuses else provider.authorize(self.path)
            )
            self.send_header("content-length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._serve(lambda _: provider.token(form, self.headers.get("authorization", "")))

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
