"""The channels against the real thing: an HTTP server and a mail server on loopback.

The first part is the contract of `notify.base.Channel`, which every channel keeps, the one in memory too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from ferryman.model.errors import AdapterError, Rejected, Unreachable
from ferryman.notify.apprise import Apprise
from ferryman.notify.base import Channel, Delayed, Message
from ferryman.notify.email import Email, Server
from ferryman.notify.memory import MemoryChannel
from ferryman.notify.signing import verify
from ferryman.notify.slack import Slack
from ferryman.notify.webhook import Webhook
from receivers import HttpReceiver, MailServer, Request, certificate
from support import free_port
from unit.notify.telling import NOTICE

MESSAGE = Message("shop/12/ops", NOTICE, "https://ferry.example.org/rollouts/shop-2")
SECRET = "part-nobody-may-see"


def send(channel: Channel, *messages: Message) -> list[str]:
    """What each message is answered with."""

    async def run() -> list[str]:
        try:
            return [await channel.send(message, time.time()) for message in messages or (MESSAGE,)]
        finally:
            await channel.close()

    return asyncio.run(run())


@dataclass
class Rig:
    """A channel with its other side: ids that arrived, and how to make that side refuse or be busy."""

    make: Callable[[], Channel]
    arrived: Callable[[], list[str]]
    refuse: Callable[[], None]
    busy: Callable[[], None]
    nobody: Callable[[], Channel]


def by_http(make: Callable[[str], Channel], arrived: Callable[[Request], str]) -> Iterator[Rig]:
    with HttpReceiver() as server:

        def answering(status: int) -> Callable[[], None]:
            def change() -> None:
                server.answer = lambda _: (status, {}, SECRET.encode())

            return change

        yield Rig(
            make=lambda: make(f"{server.url}/{SECRET}"),
            arrived=lambda: [arrived(r) for r in server.requests],
            refuse=answering(404),
            busy=answering(503),
            nobody=lambda: make(f"http://127.0.0.1:{free_port()}/{SECRET}"),
        )


@contextmanager
def webhook() -> Iterator[Rig]:
    yield from by_http(lambda url: Webhook(lambda: url, lambda: SECRET), lambda r: r.headers["ferryman-delivery"])


@contextmanager
def slack() -> Iterator[Rig]:
    yield from by_http(lambda url: Slack(lambda: url), lambda r: json.loads(r.body)["text"] and MESSAGE.id)


@contextmanager
def apprise() -> Iterator[Rig]:
    pytest.importorskip("apprise")
    yield from by_http(
        lambda url: Apprise(lambda: url.replace("http://", "json://")),
        lambda r: json.loads(r.body)["title"] and MESSAGE.id,
    )


@contextmanager
def mail() -> Iterator[Rig]:
    def make(port: int) -> Email:
        return Email(Server("127.0.0.1", port, "none"), "ferryman@example.org", ("ana@example.org",))

    with MailServer() as server:

        def refuse(said: str) -> Callable[[], None]:
            return lambda: server.refuse_rcpt.update({"ana@example.org": said})

        yield Rig(
            make=lambda: make(server.port),
            arrived=lambda: [m["Ferryman-Delivery"] for m in server.mails],
            refuse=refuse(f"550 no such user {SECRET}"),
            busy=refuse(f"451 try later {SECRET}"),
            nobody=lambda: make(free_port()),
        )


@contextmanager
def memory() -> Iterator[Rig]:
    channel = MemoryChannel()

    def fails(problem: AdapterError) -> Callable[[], None]:
        return lambda: setattr(channel, "problem", problem)

    def nobody() -> Channel:
        fails(Unreachable("channel_unreachable", "nobody is there"))()
        return channel

    yield Rig(
        make=lambda: channel,
        arrived=lambda: [m.id for m in channel.sent],
        refuse=fails(Rejected("channel_refused", "no")),
        busy=fails(Unreachable("channel_busy", "later")),
        nobody=nobody,
    )


RIGS = [webhook, slack, mail, apprise, memory]


@pytest.fixture(params=RIGS, ids=lambda rig: rig.__name__)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with request.param() as found:
        yield found


def test_what_is_sent_arrives_under_its_id_each_time(rig: Rig) -> None:
    said = send(rig.make(), MESSAGE, MESSAGE)
    assert rig.arrived() == [MESSAGE.id, MESSAGE.id]
    assert all(said)


def test_nobody_there_is_worth_another_try(rig: Rig) -> None:
    with pytest.raises(Unreachable) as caught:
        send(rig.nobody())
    assert SECRET not in str(caught.value)


def test_busy_is_worth_another_try(rig: Rig) -> None:
    rig.busy()
    with pytest.raises(Unreachable) as caught:
        send(rig.make())
    assert SECRET not in str(caught.value)


def test_a_refusal_names_no_secret(rig: Rig, request: pytest.FixtureRequest) -> None:
    rig.refuse()
    # The library only says yes or no, so that a refusal cannot be told from a failure there.
    kind: type[AdapterError] = Unreachable if "apprise" in request.node.name else Rejected
    with pytest.raises(kind) as caught:
        send(rig.make())
    assert SECRET not in str(caught.value)


def test_a_channel_says_where_it_leads_without_its_secret(rig: Rig) -> None:
    channel = rig.make()
    assert SECRET not in channel.target
    assert channel.kind


# ---------------------------------------------------------------------- webhook
def test_the_signature_is_verified_as_a_receiver_does_it() -> None:
    with HttpReceiver() as server:
        send(Webhook(lambda: server.url, lambda: SECRET))
        request = server.requests[0]
        header = request.headers["ferryman-signature"]
        assert verify(SECRET, header, request.body, request.at)
        assert not verify(SECRET, header, request.body + b" ", request.at)
        assert request.headers["ferryman-event"] == "rollback"
        assert json.loads(request.body)["figures"][0]["text"] == "error_rate 4.1% > 1.5x 0.61% (n=1,204)"


def test_retry_after_is_passed_on_also_from_slack() -> None:
    with HttpReceiver() as server:
        server.answer = lambda _: (429, {"Retry-After": "30"}, b"rate_limited")
        for channel in (Slack(lambda: server.url), Webhook(lambda: server.url)):
            with pytest.raises(Delayed) as caught:
                send(channel)
            assert caught.value.after_seconds == 30.0


def test_a_redirect_is_followed_on_the_same_host_only() -> None:
    with HttpReceiver() as server, HttpReceiver() as other:
        server.answer = lambda r: (307, {"Location": "/new"}, b"") if r.path == "/old" else (200, {}, b"ok")
        send(Webhook(lambda: f"{server.url}/old", lambda: SECRET))
        assert [r.path for r in server.requests] == ["/old", "/new"]
        assert server.requests[0].body == server.requests[1].body
        server.answer = lambda _: (307, {"Location": f"{other.url}/steal"}, b"")
        with pytest.raises(Rejected) as caught:
            send(Webhook(lambda: f"{server.url}/old", lambda: SECRET))
        assert caught.value.code == "channel_redirect"
        assert not other.requests
        server.answer = lambda _: (308, {"Location": "/again"}, b"")
        with pytest.raises(Rejected):
            send(Webhook(lambda: server.url))
        assert len(server.requests) == 2 + 1 + 4


def test_a_slow_receiver_is_given_up_in_time() -> None:
    from ferryman.notify.http import Http, Post

    with HttpReceiver() as server:
        server.delay_seconds = 5.0

        async def run() -> None:
            http = Http(seconds=0.3)
            try:
                await http.post(Post(server.url, {}, b"x"))
            finally:
                await http.close()

        began = time.monotonic()
        with pytest.raises(Unreachable) as caught:
            asyncio.run(run())
        assert caught.value.code == "channel_timeout"
        assert time.monotonic() - began < 4.0


def test_an_endless_answer_is_not_read() -> None:
    with HttpReceiver() as server:
        server.answer = lambda _: (200, {}, b"x" * 50_000_000)
        assert send(Webhook(lambda: server.url))


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1/x", "http://", "nonsense"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(AdapterError):
        send(Webhook(lambda: url))


# ---------------------------------------------------------------------- e-mail
@pytest.fixture
def tls(tmp_path: Path) -> tuple[str, object]:
    public, context = certificate(tmp_path)
    return str(public), context


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_is_handed_in_encrypted_with_a_password(security: str, tls: tuple[str, object]) -> None:
    with MailServer(user="ferry", password=SECRET, tls=tls[1], implicit=security == "tls") as server:  # type: ignore[arg-type]
        to = Server("127.0.0.1", server.port, security, user="ferry", ca_file=tls[0])
        send(Email(to, "ferryman@example.org", ("ana@example.org", "ben@example.org"), lambda: SECRET))
        assert server.encrypted == [True]
        assert server.recipients == [["ana@example.org", "ben@example.org"]]
        with pytest.raises(Rejected) as caught:
            send(Email(to, "ferryman@example.org", ("ana@example.org",), lambda: "wrong"))
        assert "535" in caught.value.message


def test_mail_is_never_sent_in_the_clear_instead(tls: tuple[str, object]) -> None:
    with MailServer() as server:
        with pytest.raises(Rejected):
            send(Email(Server("127.0.0.1", server.port, "starttls"), "a@example.org", ("b@example.org",)))
        assert not server.mails
    with MailServer(tls=tls[1]) as server:  # type: ignore[arg-type]
        with pytest.raises(Rejected) as caught:
            send(Email(Server("127.0.0.1", server.port, "starttls"), "a@example.org", ("b@example.org",)))
        assert caught.value.code == "channel_untrusted"
        assert not server.mails


def test_one_bad_recipient_does_not_keep_it_from_the_others() -> None:
    with MailServer(refuse_rcpt={"gone@example.org": "550 gone"}) as server:
        to = Server("127.0.0.1", server.port, "none")
        said = send(Email(to, "a@example.org", ("gone@example.org", "ana@example.org")))
        assert server.recipients == [["ana@example.org"]]
        assert "not for 1" in said[0]


@pytest.mark.parametrize(("answer", "kind"), [("452 full", Unreachable), ("554 spam", Rejected)])
def test_a_mail_that_is_refused_after_its_text(answer: str, kind: type[AdapterError]) -> None:
    with MailServer(refuse_data=answer) as server, pytest.raises(kind):
        send(Email(Server("127.0.0.1", server.port, "none"), "a@example.org", ("b@example.org",)))


def test_nothing_is_injected_into_a_mail_on_its_way() -> None:
    evil = "x\r\nBcc: eve@example.org\r\n\r\n.\r\nRCPT TO:<eve@example.org>"
    notice = replace(NOTICE, title=evil, reason=evil, actor=evil, step_name=evil, lines=(evil,))
    with MailServer() as server:
        send(
            Email(Server("127.0.0.1", server.port, "none"), "a@example.org", ("b@example.org",)),
            replace(MESSAGE, notice=notice),
        )
        assert server.recipients == [["b@example.org"]]
        assert len(server.mails) == 1
        assert server.mails[0]["Bcc"] is None


def test_a_mail_server_that_never_speaks_holds_nobody_up() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        to = Server("127.0.0.1", silent.getsockname()[1], "none", seconds=0.3)
        began = time.monotonic()
        with pytest.raises(Unreachable):
            send(Email(to, "a@example.org", ("b@example.org",)))
        assert time.monotonic() - began < 4.0


def test_closing_twice_is_no_matter() -> None:
    async def run() -> None:
        channel = Webhook(lambda: "http://127.0.0.1:1/")
        with contextlib.suppress(Unreachable):
            await channel.send(MESSAGE, 0.0)
        await channel.close()
        await channel.close()

    asyncio.run(run())
