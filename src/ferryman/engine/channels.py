"""Channels out of the settings. Their secrets are read when something is sent, so that a file may be replaced any time."""

from __future__ import annotations

from ferryman.engine.settings import read_secret
from ferryman.model.errors import AdapterError, ControllerError
from ferryman.model.notify import AppriseSettings, ChannelSettings, EmailSettings, SlackSettings, WebhookSettings
from ferryman.model.secret import Secret as Place
from ferryman.model.settings import Settings
from ferryman.notify.apprise import Apprise
from ferryman.notify.base import Channel, Secret
from ferryman.notify.email import Email, Server
from ferryman.notify.http import origin
from ferryman.notify.slack import Slack
from ferryman.notify.webhook import Webhook


def make_channels(settings: Settings) -> dict[str, Channel]:
    """The channels by name, in the order of the settings."""
    return {channel.name: make_channel(channel, settings) for channel in settings.notify.channels}


def make_channel(channel: ChannelSettings, settings: Settings) -> Channel:
    """One channel."""

    def secret(place: Place, what: str) -> Secret:
        return secret_of(place, settings, f"{what} of the channel {channel.name!r}")

    match channel.via:
        case WebhookSettings(url=url, secret=signing):
            signed_with = secret(signing, "the signing secret") if signing is not None else None
            if isinstance(url, Place):
                return Webhook(secret(url, "the address"), signed_with, target="an address of its own")
            return Webhook(lambda: url, signed_with, target=origin(url))
        case SlackSettings(url=url):
            return Slack(secret(url, "the address"))
        case AppriseSettings(url=url):
            return Apprise(secret(url, "the address"))
        case EmailSettings() as mail:
            return _email(mail, settings, secret(mail.password, "the password") if mail.password else None)


def _email(mail: EmailSettings, settings: Settings, password: Secret | None) -> Email:
    server = Server(
        host=mail.host,
        port=mail.port,
        security=mail.security,
        user=mail.user,
        ca_file=settings.place(mail.ca_file) if mail.ca_file else "",
    )
    return Email(server, mail.sender, mail.recipients, password)


def secret_of(place: Place, settings: Settings, what: str) -> Secret:
    """Reads the secret whenever it is called. That it is missing is trouble of the channel, which may pass: what is to be
    sent waits."""

    def read() -> str:
        try:
            return read_secret(place, settings, what)
        except ControllerError as problem:
            raise AdapterError(
                problem.code, problem.message, "put the secret there; it is read at every attempt"
            ) from None

    return read
