"""E-mail by SMTP: text and HTML, under a Message-ID that stays the same in every attempt."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

import msgspec

from ferryman.model.errors import Rejected, Unreachable
from ferryman.model.notice import Notice
from ferryman.notify.base import SEND_SECONDS, Message, Secret
from ferryman.notify.threads import in_thread
from ferryman.notify.words import clean, facts, numbers, text

SUBJECT_CHARACTERS_MAX = 150
SECURITIES = ("starttls", "tls", "none")


class Server(msgspec.Struct, frozen=True):
    """Where mail is handed in. `security`: starttls, tls (from the first byte) or none. `ca_file` names certificates to
    trust instead of the system's."""

    host: str
    port: int
    security: str = "starttls"
    user: str = ""
    ca_file: str = ""
    seconds: float = SEND_SECONDS


class Email:
    """Sends to `recipients` through `server`."""

    kind = "email"

    def __init__(
        self, server: Server, sender: str, recipients: tuple[str, ...], password: Secret | None = None
    ) -> None:
        self._server = server
        self._sender = sender
        self._recipients = recipients
        self._password = password

    @property
    def target(self) -> str:
        return ", ".join(self._recipients)

    async def send(self, message: Message, now: float) -> str:
        mail = build(message, self._sender, self._recipients)
        password = self._password() if self._password else ""
        try:
            async with asyncio.timeout(self._server.seconds):
                return await in_thread(lambda: hand_in(mail, self._server, password), "ferryman-email")
        except TimeoutError:
            message_text = (
                f"{self._server.host}:{self._server.port} did not take the mail within {self._server.seconds:g} s"
            )
            raise Unreachable("channel_timeout", message_text, "is it up, and is it slow?") from None

    async def close(self) -> None:
        """Each mail has a connection of its own."""


def build(message: Message, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """The mail for a message. All that others wrote is one line without control characters before it gets into a header."""
    notice = message.notice
    mail = EmailMessage(policy=SMTP)
    domain = sender.rpartition("@")[2]
    mail["From"] = _address(sender)
    mail["To"] = [_address(recipient) for recipient in recipients]
    mail["Subject"] = f"[{notice.severity.value}] {clean(notice.title, SUBJECT_CHARACTERS_MAX)}"
    mail["Date"] = format_datetime(datetime.fromtimestamp(notice.at, UTC))
    mail["Message-ID"] = f"<{message.id.replace('/', '.')}@{domain}>"
    if notice.rollout:
        # All mails about one rollout make one thread.
        mail["References"] = f"<{notice.rollout}.{notice.service}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["Ferryman-Event"] = notice.kind.value
    mail["Ferryman-Delivery"] = message.id
    mail.set_content(_plain(message))
    mail.add_alternative(_html(message), subtype="html")
    return mail


def _address(text: str) -> Address:
    """Raises `Rejected` (``bad_address``) for what is none."""
    try:
        return Address(addr_spec=clean(text))
    except Exception as problem:
        hint = "write name@example.org, without a name in front"
        raise Rejected("bad_address", f"{clean(text, 80)!r} is no e-mail address", hint) from problem


def _plain(message: Message) -> str:
    links = [f"{action.label}: {action.url}" for action in message.actions]
    links += [f"More: {message.link}"] if message.link else []
    return text(message.notice) + ("\n" + "\n".join(links) + "\n" if links else "")


_STYLE = "font-family:system-ui,sans-serif;font-size:14px;line-height:1.5;color:#1c1c1c"
_BUTTON = (
    "display:inline-block;padding:8px 14px;margin:0 8px 8px 0;border:1px solid #555;border-radius:6px;color:#1c1c1c"
)


def _html(message: Message) -> str:
    notice = message.notice
    parts = [f'<div style="{_STYLE}"><h2 style="font-size:17px">{escape(notice.title)}</h2>', _reason(notice)]
    said = [f"<strong>{escape(line)}</strong>" for line in numbers(notice)] + [escape(line) for line in notice.lines]
    if said:
        parts.append("<ul>" + "".join(f"<li>{line}</li>" for line in said) + "</ul>")
    links = [(action.label, action.url) for action in message.actions]
    links += [("Open the rollout", message.link)] if message.link else []
    if links:
        buttons = (f'<a style="{_BUTTON}" href="{escape(url)}">{escape(label)}</a>' for label, url in links)
        parts.append(f"<p>{''.join(buttons)}</p>")
    rows = (f"<tr><td>{escape(name)}&#160;</td><td>{escape(value)}</td></tr>" for name, value in facts(notice))
    parts.append(f'<table style="color:#555">{"".join(rows)}</table></div>')
    return "<!doctype html>\n<html><body>" + "\n".join(part for part in parts if part) + "</body></html>\n"


def _reason(notice: Notice) -> str:
    return f"<p>{escape(notice.reason)}</p>" if notice.reason else ""


def hand_in(mail: EmailMessage, server: Server, password: str) -> str:
    """Deliver to the server, blocking; what it took. Raises `Unreachable`, `Rejected`."""
    where = f"{server.host}:{server.port}"
    try:
        with _connected(server) as smtp:
            if server.user:
                smtp.login(server.user, password)
            refused = smtp.send_message(mail)
    except smtplib.SMTPRecipientsRefused as problem:
        codes = {code for code, _ in problem.recipients.values()}
        raise _refused(where, max(codes, default=550), "every recipient") from None
    except smtplib.SMTPSenderRefused as problem:
        raise _refused(where, problem.smtp_code, "the sender") from None
    except smtplib.SMTPAuthenticationError as problem:
        raise _refused(where, problem.smtp_code, "user and password") from None
    except smtplib.SMTPResponseException as problem:
        raise _refused(where, problem.smtp_code, "the mail") from None
    except smtplib.SMTPNotSupportedError:
        hint = "it does not offer what is asked for: see `security` and `user` in the settings"
        raise Rejected("channel_refused", f"{where} cannot do this securely", hint) from None
    except ssl.SSLCertVerificationError as problem:
        message = f"the certificate of {where} is not trusted: {problem.verify_message}"
        raise Rejected("channel_untrusted", message, "name its certificate authority: `caFile`") from None
    except OSError as problem:  # every error of smtplib is one
        why = problem.strerror or type(problem).__name__
        raise Unreachable("channel_unreachable", f"{where} cannot be reached: {why}", "is it up?") from None
    return f"taken by {where}" + (f", but not for {len(refused)} of the recipients" if refused else "")


def _connected(server: Server) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=server.ca_file or None)
    if server.security == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=server.seconds, context=context)
    smtp = smtplib.SMTP(server.host, server.port, timeout=server.seconds)
    if server.security == "starttls":
        try:
            smtp.starttls(context=context)
        except BaseException:
            smtp.close()
            raise
    return smtp


def _refused(where: str, code: int, what: str) -> Unreachable | Rejected:
    """4yz may work later, 5yz will not (RFC 5321, 4.2.1). What the server wrote is left out: it may quote anything."""
    if 400 <= code < 500:
        return Unreachable("channel_busy", f"{where} does not take {what} now ({code})", "it is tried again")
    return Rejected("channel_refused", f"{where} refuses {what} ({code})", "are the addresses and the password right?")
