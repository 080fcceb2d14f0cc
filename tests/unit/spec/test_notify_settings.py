"""The section `notify` of the settings file."""

from __future__ import annotations

import pytest

from ferryman.model.errors import SpecError
from ferryman.model.notice import Audience, NoticeKind, Severity
from ferryman.model.notify import (
    AppriseSettings,
    Approver,
    ChannelSettings,
    EmailSettings,
    NotifySettings,
    Rule,
    SlackSettings,
    WebhookSettings,
)
from ferryman.model.secret import Secret
from ferryman.spec.settings import parse_settings, settings_example


def parsed(text: str) -> NotifySettings:
    return parse_settings(text, "ferry.yaml", "/etc/ferry").notify


def problems(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parsed(text)
    assert all(problem.hint for problem in caught.value.problems)
    return [f"{p.path} {p.code}" for p in caught.value.problems]


def channel(inner: str) -> str:
    return f"publicUrl: https://f.example\nnotify: {{channels: {{ops: {{{inner}}}}}}}\n"


def test_the_example_is_what_it_says() -> None:
    made = parsed(settings_example())
    mail = EmailSettings(
        host="mail.example.com",
        sender="ferryman@example.com",
        recipients=("ana@example.com",),
        user="ferryman",
        password=Secret(file="secrets/mail"),
        ca_file="tls/mail-ca.pem",
    )
    assert made == NotifySettings(
        channels=(
            ChannelSettings(
                "ops", WebhookSettings("https://ops.example.com/ferryman", Secret(env="OPS_SIGNING_SECRET"))
            ),
            ChannelSettings("team", SlackSettings(Secret(env="SLACK_WEBHOOK"))),
            ChannelSettings("ana", mail, Approver("ana@example.com", "operator")),
            ChannelSettings("phone", AppriseSettings(Secret(env="APPRISE_URL"))),
        ),
        rules=(
            Rule(("ops", "team")),
            Rule(("phone",), severity=Severity.CRITICAL, services=("shop", "pay-*")),
            Rule(
                ("ana",),
                kinds=(NoticeKind.APPROVAL, NoticeKind.ROLLBACK, NoticeKind.FAILED),
                audience=(Audience.APPROVERS, Audience.ON_CALL),
            ),
        ),
    )


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_from_the_security(security: str, port: int) -> None:
    made = parsed(channel(f"email: {{host: m, security: {security}, from: a@b.c, to: [d@e.f]}}"))
    via = made.channels[0].via
    assert isinstance(via, EmailSettings)
    assert via.port == port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("notify: {chanels: {}}\n", ["notify.chanels unknown_field"]),
        ("notify: {channels: []}\n", ["notify.channels wrong_type"]),
        (channel(""), ["notify.channels.ops missing"]),
        (channel("webhook: {url: ftp://x}"), ["notify.channels.ops.webhook.url not_allowed"]),
        (channel("webhook: {url: 'https://ana:pw@x/'}"), ["notify.channels.ops.webhook.url not_allowed"]),
        (channel("webhook: {url: 'https://x/', secret: abc}"), ["notify.channels.ops.webhook.secret not_allowed"]),
        (channel("slack: {url: 'https://hooks.slack.com/x'}"), ["notify.channels.ops.slack.url not_allowed"]),
        (
            channel("slack: {url: {env: A}}, webhook: {url: 'https://x/'}"),
            ["notify.channels.ops exclusive"],
        ),
        (
            channel("email: {host: 'm:25', from: 'Ana <a@b.c>', to: ['a@b.c, d@e.f']}"),
            [
                "notify.channels.ops.email.host not_allowed",
                "notify.channels.ops.email.from not_allowed",
                "notify.channels.ops.email.to[0] not_allowed",
            ],
        ),
        (
            channel("email: {host: m, from: a@b.c, to: [a@b.c], security: none, user: x, password: {env: P}}"),
            ["notify.channels.ops.email.password exclusive"],
        ),
        (channel("email: {host: m, from: a@b.c, to: [a@b.c], user: x}"), ["notify.channels.ops.email.user missing"]),
        ("notify: {channels: {Ops: {slack: {url: {env: A}}}}}\n", ["notify.channels.Ops not_allowed"]),
        ("notify: {rules: [{to: [ops]}]}\n", ["notify.rules not_allowed"]),
        ("notify: {rules: [{kinds: [rolback]}]}\n", ["notify.rules[0].kinds[0] not_allowed"]),
        (
            channel("slack: {url: {env: A}}, approver: {role: viewer}"),
            ["notify.channels.ops.approver.person missing", "notify.channels.ops.approver.role not_allowed"],
        ),
        (
            channel("slack: {url: {env: A}}, approver: {person: Ferryman}"),
            ["notify.channels.ops.approver.person not_allowed"],
        ),
        (
            channel('slack: {url: {env: A}}, approver: {person: "a\\nb"}'),
            ["notify.channels.ops.approver.person not_allowed"],
        ),
        (
            channel("email: {host: m, from: a@b.c, to: [a@b.c, d@e.f]}, approver: {person: ana}"),
            ["notify.channels.ops.approver exclusive"],
        ),
        ("notify: {channels: {ops: {slack: {url: {env: A}}, approver: {person: ana}}}}\n", ["publicUrl missing"]),
        ("notify: {linkExpiry: 8d}\n", ["notify.linkExpiry out_of_range"]),
        ("notify: {stuckAfter: 5s}\n", ["notify.stuckAfter out_of_range"]),
    ],
)
def test_what_is_wrong_has_its_place(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def test_what_may_be_a_secret_is_not_shown() -> None:
    for inner in (
        "webhook: {url: 'https://ana:hush@x/'}",
        "slack: {url: hush}",
        "webhook: {url: 'https://x', secret: hush}",
    ):
        with pytest.raises(SpecError) as caught:
            parsed(channel(inner))
        assert "hush" not in str(caught.value)


def test_there_are_not_too_many_channels() -> None:
    many = ", ".join(f"c{n}: {{slack: {{url: {{env: A}}}}}}" for n in range(51))
    assert problems(f"notify: {{channels: {{{many}}}}}\n") == ["notify.channels out_of_range"]
