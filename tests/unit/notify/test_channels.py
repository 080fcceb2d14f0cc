"""What the channels send, by comparison; nothing is sent here."""

from __future__ import annotations

import email
import email.policy
import json
from email.message import EmailMessage
from pathlib import Path

import pytest
from msgspec.structs import replace

from ferryman.model.errors import Rejected, Unreachable
from ferryman.model.notice import Severity
from ferryman.notify import apprise, slack, webhook
from ferryman.notify import email as mail
from ferryman.notify.base import Action, Delayed, Message
from ferryman.notify.http import Reply, accepted, next_url, origin, retry_seconds
from ferryman.notify.signing import sign, verify
from unit.golden import Golden
from unit.notify.telling import NOTICE

GOLDEN = Path(__file__).parent / "golden"
ACTIONS = (Action("Approve or deny", "https://ferry.example.org/approval?t=a.b.c"),)
MESSAGE = Message("shop/12/ops", NOTICE, "https://ferry.example.org/rollouts/shop-2", ACTIONS)
HOSTILE = '<script>alert(1)</script> <!channel> *b*\r\nBcc: eve@example.org\r\n\r\nbody & "quotes" \''
HOOK = "https://hooks.example.org/T0/secret-part"


def hostile() -> Message:
    """As if nothing had been cleaned before: the last line of defence is each channel's own."""
    notice = replace(
        NOTICE, title=HOSTILE, reason=HOSTILE, actor=HOSTILE, service="shop", lines=(HOSTILE,), step_name=HOSTILE
    )
    return replace(MESSAGE, notice=notice)


# ---------------------------------------------------------------------- webhook
def test_webhook_request(golden: Golden) -> None:
    post = webhook.build(MESSAGE, "https://example.org/hook", "s3cret", 1_700_000_001.9)
    shown = json.dumps(json.loads(post.body), indent=2, ensure_ascii=False)
    head = "".join(f"{name}: {value}\n" for name, value in post.headers.items() if name != "User-Agent")
    golden(GOLDEN / "webhook.txt", f"POST {post.url}\n{head}\n{shown}\n")


def test_the_body_is_the_same_in_every_attempt() -> None:
    first, again = (webhook.build(MESSAGE, "https://example.org/", "s", now) for now in (1000.0, 5000.0))
    assert first.body == again.body
    assert first.headers["Ferryman-Delivery"] == again.headers["Ferryman-Delivery"] == "shop/12/ops"
    assert first.headers["Ferryman-Signature"] != again.headers["Ferryman-Signature"]


def test_without_a_secret_nothing_is_signed() -> None:
    assert "Ferryman-Signature" not in webhook.build(MESSAGE, "https://example.org/", None, 1000.0).headers


def test_no_header_can_be_injected_into_a_webhook() -> None:
    headers = webhook.build(hostile(), "https://example.org/", "s", 1000.0).headers
    assert all(value.isprintable() for value in headers.values())


def test_a_signature_is_of_this_body_this_secret_and_this_time() -> None:
    header = sign("s", b"body", 1000.7)
    assert header.startswith("t=1000,v1=")
    assert verify("s", header, b"body", 1200.0)
    assert not verify("s", header, b"body", 1301.0)
    assert not verify("s", header, b"body", 600.0)
    assert not verify("other", header, b"body", 1000.0)
    assert not verify("s", header, b"body.", 1000.0)
    assert not verify("s", header.replace("t=1000", "t=1001"), b"body", 1000.0)


@pytest.mark.parametrize("header", ["", "v1=00", "t=1000", "t=x,v1=00", "t=1000,t=1000,v1=00", "t=٣,v1=00", "t=1,v1=é"])
def test_a_broken_signature_is_none(header: str) -> None:
    assert not verify("s", header, b"body", 1000.0)


# ---------------------------------------------------------------------- answers over HTTP
def test_what_an_answer_means() -> None:
    assert accepted(Reply(204), HOOK, 0.0) == "204 from https://hooks.example.org"
    for status in (408, 425, 429, 500, 502, 503, 504):
        with pytest.raises(Unreachable):
            accepted(Reply(status), HOOK, 0.0)
    for status in (400, 401, 403, 404, 410, 413):
        with pytest.raises(Rejected) as caught:
            accepted(Reply(status, text="no_service"), HOOK, 0.0, say=True)
        assert "no_service" in caught.value.message
        assert "secret-part" not in str(caught.value)


def test_retry_after_is_honoured_within_limits() -> None:
    with pytest.raises(Delayed) as caught:
        accepted(Reply(429, retry_after="17"), HOOK, 0.0)
    assert caught.value.after_seconds == 17.0
    assert retry_seconds("Tue, 14 Nov 2023 22:14:20 GMT", 1_700_000_000.0) == 60.0
    assert retry_seconds("Tue, 14 Nov 2023 22:14:20 GMT", 1_800_000_000.0) == 0.0
    assert retry_seconds("9" * 400, 0.0) == 3600.0
    for nothing in ("", "soon", "-5", "1e9", "Tue, 99 Nov 2023"):
        assert retry_seconds(nothing, 0.0) is None


def test_a_redirect_never_leads_to_another_host() -> None:
    assert next_url("https://a.example/x", Reply(307, location="/y")) == "https://a.example/y"
    elsewhere = [
        "https://b.example/",
        "http://a.example/x",
        "https://a.example:444/x",
        "//b.example/x",
        "https://a.example@b.example/",
    ]
    for location in elsewhere:
        with pytest.raises(Rejected) as caught:
            next_url("https://a.example/x", Reply(308, location=location))
        assert caught.value.code == "channel_redirect"
    for status in (301, 302, 303, 307):
        with pytest.raises(Rejected):
            next_url("https://a.example/x", Reply(status, location="" if status == 307 else "/y"))


def test_only_the_origin_of_an_address_is_shown() -> None:
    assert origin("https://ana:pw@a.example:8443/T0/secret?token=1") == "https://a.example:8443"
    assert origin("https://a.example:port/") == "https://a.example"


# ---------------------------------------------------------------------- Slack
def test_slack_blocks(golden: Golden) -> None:
    golden(GOLDEN / "slack.json", json.dumps(slack.payload(MESSAGE), indent=2, ensure_ascii=False) + "\n")


def test_slack_calls_nobody_and_sets_no_mark_that_others_wrote() -> None:
    shown = json.dumps(slack.payload(hostile()), ensure_ascii=False)
    marked = [b for b in slack.payload(hostile())["blocks"] if b["type"] != "header"]
    assert "<!channel>" not in json.dumps(marked)
    assert "<script>" not in json.dumps(marked)
    assert "*b*" not in json.dumps(marked)
    assert "&lt;!channel&gt;" in shown


def test_slack_keeps_to_its_limits() -> None:
    long = replace(NOTICE, title="x" * 5000, reason="y" * 5000, severity=Severity.INFO)
    blocks = slack.payload(replace(MESSAGE, notice=long))["blocks"]
    assert len(blocks[0]["text"]["text"]) == 150
    assert len(blocks[1]["text"]["text"]) == 3000


# ---------------------------------------------------------------------- e-mail
def parsed(message: Message) -> EmailMessage:
    raw = mail.build(message, "ferryman@example.org", ("ana@example.org", "ben@example.org")).as_bytes()
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def part(found: EmailMessage, kind: str) -> str:
    body = found.get_body((kind,))
    assert body is not None
    return body.get_content().replace("\r\n", "\n")


def test_email(golden: Golden) -> None:
    found = parsed(MESSAGE)
    head = "".join(f"{name}: {value}\n" for name, value in found.items() if name != "Content-Type")
    golden(GOLDEN / "email.txt", f"{head}\n{part(found, 'plain')}\n--\n{part(found, 'html')}")
    assert found.get_content_type() == "multipart/alternative"


def test_no_header_can_be_injected_into_a_mail() -> None:
    found = parsed(hostile())
    assert found["Bcc"] is None
    assert [found[name] for name in ("To", "From")] == ["ana@example.org, ben@example.org", "ferryman@example.org"]
    assert len(found.get_all("Subject", [])) == 1
    assert "\n" not in found["Subject"]


def test_html_is_escaped() -> None:
    html = part(parsed(hostile()), "html")
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_the_message_id_is_the_same_in_every_attempt_and_one_rollout_is_one_thread() -> None:
    first, again = parsed(MESSAGE), parsed(MESSAGE)
    assert first["Message-ID"] == again["Message-ID"] == "<shop.12.ops@example.org>"
    assert first["References"] == "<shop-2.shop@example.org>"
    assert first["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ana",
        "ana@",
        "a b@example.org",
        "ana@example.org, eve@example.org",
        "Ana <ana@example.org>",
        "a\r\nBcc: b@c.d",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(Rejected) as caught:
        mail.build(MESSAGE, "ferryman@example.org", (address,))
    assert caught.value.code == "bad_address"


# ---------------------------------------------------------------------- apprise
def test_apprise_letter() -> None:
    letter = apprise.build(MESSAGE)
    assert (letter.title, letter.type) == (NOTICE.title, "failure")
    assert "error_rate 4.1% > 1.5x 0.61% (n=1,204)" in letter.body
    assert letter.body.endswith(
        "Approve or deny: https://ferry.example.org/approval?t=a.b.c\nhttps://ferry.example.org/rollouts/shop-2"
    )


def test_apprise_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    with pytest.raises(Rejected) as caught:
        apprise.hand_over(apprise.build(MESSAGE), "json://localhost")
    assert caught.value.code == "extra_missing"
    assert "ferryman[notify]" in caught.value.hint


def test_apprise_address_of_no_service() -> None:
    with pytest.raises(Rejected) as caught:
        apprise.hand_over(apprise.build(MESSAGE), "nosuch://secret-part")
    assert "secret-part" not in str(caught.value)
