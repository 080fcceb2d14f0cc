"""The controller as seen from a command: its HTTP API over the unix socket, errors as the classes they were."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import quote

import msgspec

from ferryman.api import wire
from ferryman.api.access.wire import (
    LinkView,
    RevokeRequest,
    SessionView,
    SignInView,
    TokenMade,
    TokenRequest,
    TokenView,
)
from ferryman.api.place import read_record, state_folder
from ferryman.api.problems import ProblemDocument, to_error
from ferryman.cli.remote import Remote, chosen
from ferryman.engine.audit import Question
from ferryman.model.audit import AuditPage, ChainsView
from ferryman.model.checklist import ChecklistView
from ferryman.model.errors import ControllerError, FerrymanError
from ferryman.model.notice import ChannelView
from ferryman.model.view import AnswerView, MeasurementSeries, RolloutSummary, ServiceView

if TYPE_CHECKING:
    from types import TracebackType

    import httpx2

ANSWER_SECONDS = 30.0
"""A deploy copies files and writes the log; everything else answers at once."""

CONNECT_SECONDS = 5.0
POLL_EXTRA_SECONDS = 5.0

CHAINS_SECONDS = 600.0
"""All of a long log is read."""

DOWN_SECONDS = 90.0
"""The controller answers when nothing of the service is left, or after a minute."""

T = TypeVar("T")
Query = dict[str, str | int | float]


class Client:
    """Calls of one controller. Every method raises the `FerrymanError` that the controller answered with, or
    `ControllerError`: ``no_controller`` when none listens, ``controller_slow``, ``controller_gone`` when the answer
    broke off. To be used from one thread."""

    def __init__(self, place: Path | Remote, answer_seconds: float = ANSWER_SECONDS) -> None:
        """At a unix socket, or on another machine."""
        import httpx2  # takes longer to load than all of ours: not where no controller runs

        self.remote = place if isinstance(place, Remote) else None
        self.socket = place if isinstance(place, Path) else Path()
        self._seconds = answer_seconds
        limits = httpx2.Timeout(answer_seconds, connect=CONNECT_SECONDS)
        if isinstance(place, Path):
            # A unix socket speaks no TLS: reading the certificates of all authorities for it takes 35 ms.
            transport = httpx2.HTTPTransport(uds=str(place), verify=False)
            self._http = httpx2.Client(transport=transport, base_url="http://localhost", timeout=limits)
        else:
            headers = {"authorization": f"Bearer {place.token}"} if place.token else {}
            self._http = httpx2.Client(
                base_url=place.url, headers=headers, timeout=limits, verify=place.trusted(), follow_redirects=False
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def health(self) -> wire.HealthView:
        """Who answers."""
        return self.get("/v1/health", wire.HealthView)

    def views(self) -> tuple[ServiceView, ...]:
        """All services of the project."""
        found: tuple[ServiceView, ...] = ()
        while True:
            after = found[-1].service if found else ""
            part = self.get("/v1/services", tuple[ServiceView, ...], {"after": after})
            found += part
            if len(part) < wire.SERVICES_MAX:
                return found

    def view(self, service: str) -> ServiceView:
        """One service."""
        return self.get(_path(service), ServiceView)

    def history(self, service: str | None, limit: int = 50, *, after: str = "") -> tuple[RolloutSummary, ...]:
        """The last rollouts of a service, or of all; those older than the rollout `after`."""
        path = _path(service, "history") if service is not None else "/v1/history"
        return self.get(path, tuple[RolloutSummary, ...], {"limit": limit, "after": after})

    def checklist(self, service: str) -> ChecklistView:
        """How the checklist of a service stands."""
        return self.get(_path(service, "checklist"), ChecklistView)

    def logs(
        self, service: str, *, instance: str | None = None, label: str | None = None, lines: int = 100
    ) -> dict[str, str]:
        """The last lines of what instances wrote, by instance id."""
        query: Query = {"lines": lines}
        if instance is not None:
            query["instance"] = instance
        if label is not None:
            query["label"] = label
        return self.get(_path(service, "logs"), dict[str, str], query)

    def events(
        self,
        service: str | None = None,
        *,
        rollout: str | None = None,
        after: int = 0,
        before: int | None = None,
        limit: int = 500,
        wait_seconds: float = 0.0,
    ) -> wire.EventsPage:
        """Events with position > `after`, with `before` the last before that one; waits up to `wait_seconds` (at most 30)
        while there is none."""
        query: Query = {"after": after, "limit": limit, "wait_seconds": wait_seconds}
        if before is not None:
            query["before"] = before
        if service is not None:
            query["service"] = service
        if rollout is not None:
            query["rollout"] = rollout
        return self.get("/v1/events", wire.EventsPage, query, extra_seconds=wait_seconds + POLL_EXTRA_SECONDS)

    def verify(self, service: str) -> int:
        """Recompute the hash chain of a service's log; the number of events."""
        return self.get(_path(service, "verify"), wire.Verified).events

    def plan(self, document: str, file: str) -> wire.PlanView:
        """What a deploy of this release file would start now."""
        return self.post("/v1/plan", wire.PlanRequest(document, file), wire.PlanView)

    def deploy(
        self,
        document: str,
        file: str,
        *,
        actor: str,
        base: str | None = None,
        reason: str = "",
        emergency: bool = False,
    ) -> AnswerView:
        """Carry the service to what the release file says."""
        body = wire.DeployRequest(document, file, base, reason, actor, emergency)
        return self.post("/v1/deploy", body, AnswerView)

    def verb(
        self,
        service: str,
        verb: str,
        *,
        actor: str,
        reason: str = "",
        full: bool = False,
        emergency: bool = False,
    ) -> AnswerView:
        """promote, pause, resume, abort, retry, restart, approve, deny or unfreeze; `full` and `emergency` are of promote
        and retry."""
        urgent = full or emergency
        body = (
            wire.FullRequest(reason, actor, full=full, emergency=emergency)
            if urgent
            else wire.VerbRequest(reason, actor)
        )
        return self.post(_path(service, verb), body, AnswerView)

    def undo(
        self,
        service: str,
        *,
        actor: str,
        reason: str = "",
        to: str | None = None,
        with_steps: bool = False,
        force: bool = False,
        emergency: bool = False,
    ) -> AnswerView:
        """Back to the last promoted version, or to the one labelled `to`."""
        body = wire.UndoRequest(reason, actor, to=to, with_steps=with_steps, force=force, emergency=emergency)
        return self.post(_path(service, "undo"), body, AnswerView)

    def freeze(
        self, service: str, *, actor: str, reason: str, until: float | None = None, rollback: bool = False
    ) -> AnswerView:
        """Let no more users meet any new version."""
        return self.post(_path(service, "freeze"), wire.FreezeRequest(reason, actor, "", until, rollback), AnswerView)

    def postmortem(self, service: str, rollout: str, url: str, *, actor: str, reason: str = "") -> AnswerView:
        """Say where the post-mortem of an incident is."""
        body = wire.PostmortemRequest(reason=reason, actor=actor, rollout=rollout, url=url)
        return self.post(_path(service, "postmortem"), body, AnswerView)

    def measurements(self, rollout: str, points: int) -> MeasurementSeries:
        """What the judge saw and said of a rollout."""
        path = "/".join(("/v1/rollouts", quote(rollout, safe=""), "measurements"))
        return self.get(path, MeasurementSeries, {"points": points})

    def drill(
        self, service: str, *, actor: str, reason: str = "", traffic_percent: float = 0.0, hold_seconds: float = 10.0
    ) -> AnswerView:
        """Rehearse the way back."""
        body = wire.DrillRequest(reason, actor, traffic_percent=traffic_percent, hold_seconds=hold_seconds)
        return self.post(_path(service, "drill"), body, AnswerView)

    def approve(self, service: str, *, actor: str, reason: str = "", gate: str | None = None) -> AnswerView:
        """Agree to what waits for it (or to `gate` only)."""
        return self.post(_path(service, "approve"), wire.ApprovalRequest(reason, actor, gate=gate), AnswerView)

    def deny(self, service: str, *, actor: str, reason: str = "", gate: str | None = None) -> AnswerView:
        """Refuse: the release goes back."""
        return self.post(_path(service, "deny"), wire.ApprovalRequest(reason, actor, gate=gate), AnswerView)

    def down(self, service: str, *, actor: str, reason: str = "") -> AnswerView:
        """Stop the service and wait until nothing of it is left."""
        body = wire.encode(wire.VerbRequest(reason, actor))
        return self._call("POST", _path(service, "down"), AnswerView, body=body, seconds=DOWN_SECONDS)

    def audit(self, asked: Question) -> AuditPage:
        """Who did what, newest last."""
        given: Query = {"since": asked.since, "limit": asked.limit, "before": asked.before}
        for name, value in (("service", asked.service), ("actor", asked.actor), ("people", asked.people or None)):
            if value is not None:
                given[name] = "true" if value is True else str(value)
        return self.get("/v1/audit", AuditPage, given)

    def chains(self) -> ChainsView:
        """Every hash chain, recomputed."""
        return self._call("GET", "/v1/audit/verify", ChainsView, seconds=CHAINS_SECONDS)

    def tokens(self) -> tuple[TokenView, ...]:
        """Every token, without its text."""
        return self.get("/v1/tokens", tuple[TokenView, ...])

    def create_token(self, asked: TokenRequest) -> TokenMade:
        """A new token; its text is in the answer alone."""
        return self.post("/v1/tokens", asked, TokenMade)

    def make_link(self) -> LinkView:
        """A code that signs a browser in, once; over the socket only."""
        return self.post("/v1/session/link", {}, LinkView)

    def revoke_token(self, which: str, reason: str) -> TokenView:
        """Take a token out of use, by id or by name."""
        return self.post(f"/v1/tokens/{quote(which, safe='')}/revoke", RevokeRequest(reason), TokenView)

    def sessions(self) -> tuple[SignInView, ...]:
        """Who is signed in."""
        return self.get("/v1/sessions", tuple[SignInView, ...])

    def end_session(self, which: str, reason: str) -> SignInView:
        """End somebody's session."""
        return self.post(f"/v1/sessions/{quote(which, safe='')}/end", RevokeRequest(reason), SignInView)

    def session(self) -> SessionView:
        """Who asks, as the controller sees it."""
        return self.get("/v1/session", SessionView)

    def channels(self) -> tuple[ChannelView, ...]:
        """How the channels of notices fare."""
        return self.get("/v1/notify/channels", tuple[ChannelView, ...])

    def test_channel(self, channel: str, *, actor: str) -> wire.Tested:
        """Send a test message by a channel."""
        path = f"/v1/notify/channels/{quote(channel, safe='')}/test"
        return self.post(path, wire.ActorRequest(actor), wire.Tested)

    def rotate_key(self, *, actor: str) -> wire.Rotated:
        """End every approval link that was sent."""
        return self.post("/v1/notify/rotate-key", wire.ActorRequest(actor), wire.Rotated)

    def shutdown(self) -> None:
        """End the router and the controller; services are taken down first."""
        self.post("/v1/shutdown", {}, wire.HealthView)

    def get(self, path: str, kind: type[T], query: Query | None = None, extra_seconds: float = 0.0) -> T:
        """Ask, and decode the answer."""
        return self._call("GET", path, kind, query=query, seconds=self._seconds + extra_seconds)

    def post(self, path: str, body: object, kind: type[T], extra_seconds: float = 0.0) -> T:
        """Send, and decode the answer."""
        return self._call("POST", path, kind, body=wire.encode(body), seconds=self._seconds + extra_seconds)

    def _call(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        seconds: float,
        query: Query | None = None,
        body: bytes | None = None,
    ) -> T:
        import httpx2

        headers = {"content-type": "application/json"} if body is not None else {}
        limits = httpx2.Timeout(seconds, connect=CONNECT_SECONDS)
        try:
            response = self._http.request(method, path, params=query, content=body, headers=headers, timeout=limits)
        except httpx2.ConnectError as problem:
            if self.remote is not None:
                raise unreachable(self.remote.url, str(problem)) from None
            raise no_controller(f"no controller listens on {self.socket}") from None
        except httpx2.TimeoutException:
            raise ControllerError(
                "controller_slow",
                f"the controller did not answer within {seconds:g} s",
                "what was asked may still happen: see the controller's log; one that is stopped or hangs is replaced by `ferry serve --take-over`",
            ) from None
        except httpx2.TransportError as problem:
            raise ControllerError(
                "controller_gone",
                f"the controller went away in the middle of the answer ({type(problem).__name__})",
                "what was asked may have happened or not: look at `ferry status`",
            ) from None
        return _read(response, kind)


def _read(response: httpx2.Response, kind: type[T]) -> T:
    try:
        if response.is_success:
            return wire.decode(response.content, kind)
        raise to_error(wire.decode(response.content, ProblemDocument))
    except msgspec.DecodeError as problem:
        raise FerrymanError(
            "bad_answer",
            f"the controller answered {response.status_code} with something else than expected: {problem}",
            "it may be of another version: compare `ferry --version` with its log",
        ) from None


def _path(service: str, *rest: str) -> str:
    return "/".join(("/v1/services", quote(service, safe=""), *rest))


def no_controller(message: str) -> ControllerError:
    """Nobody answers for a project."""
    return ControllerError("no_controller", message, "`ferry deploy` starts one, or `ferry serve`")


def unreachable(url: str, why: str) -> ControllerError:
    """A controller on another machine does not answer, or is not who it should be."""
    return ControllerError(
        "no_controller",
        f"{url} cannot be reached: {why}",
        "does it listen there, and is its certificate trusted here (--ca-file)?",
    )


def find(project: Path) -> Client | None:
    """A client of the controller that was chosen by its URL, else of the one that serves `project`; None when none runs
    for it. Raises `UsageError` for a URL or a file of tokens that cannot be used."""
    remote = chosen()
    return Client(remote) if remote is not None else find_local(project)


def find_local(project: Path) -> Client | None:
    """A client of the controller that serves `project`; None when none runs, whatever a dead one left behind."""
    record = read_record(state_folder(project))
    if record is None:
        return None
    client = Client(Path(record.socket))
    try:
        client.health()
    except ControllerError as problem:
        client.close()
        if problem.code == "controller_slow":
            raise
        return None
    return client


def connect(project: Path) -> Client:
    """The same. Raises `ControllerError` (``no_controller``) when none runs."""
    client = find(project)
    if client is None:
        raise no_controller(f"no controller runs for {project}")
    return client
