"""Approval links over the real decisions and a store in memory: what is put into messages, and every way a link ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from ferryman.core.answers import Answer
from ferryman.core.approving import approve, deny
from ferryman.core.evolve import evolve
from ferryman.engine.approval_links import STREAM, ApprovalLinks
from ferryman.engine.link_key import LinkKey
from ferryman.engine.loop import ServiceLoop
from ferryman.engine.traffic import Traffic
from ferryman.engine.verbs import Verbs
from ferryman.engine.views import service_view
from ferryman.model.errors import FerrymanError, Refused
from ferryman.model.event import Approved, Draft
from ferryman.model.notice import Notice, NoticeKind
from ferryman.model.notify import Approver, ChannelSettings, NotifySettings, SlackSettings
from ferryman.model.plan import Phase
from ferryman.model.release import Approval, Approve, SetWeight
from ferryman.model.rollout import Service
from ferryman.model.secret import Secret
from ferryman.model.settings import Settings
from ferryman.model.view import ServiceView
from ferryman.notify.links import digest_of
from ferryman.store.base import Append
from ferryman.store.memory import MemoryStore
from unit.notify.telling import told
from unit.playbook import Book, canary, release

VIA = SlackSettings(Secret(env="HOOK"))
CHANNELS = (
    ChannelSettings("ana-mail", VIA, Approver("ana@example.org")),
    ChannelSettings("ana-chat", VIA, Approver("ana@example.org")),
    ChannelSettings("ben-mail", VIA, Approver("ben", "admin")),
    ChannelSettings("team", VIA),
)
SETTINGS = Settings(public_url="https://f.example", notify=NotifySettings(CHANNELS, link_seconds=3600.0))


class Loop:
    """As much of a loop as verbs need: answers take effect at once."""

    def __init__(self, book: Book) -> None:
        self.book = book

    @property
    def service(self) -> Service:
        return self.book.service

    async def ask(self, answer: Callable[[Service, float], Answer]) -> Answer:
        await asyncio.sleep(0)  # so that two of them get into each other's way
        return self.book.take(answer(self.book.service, self.book.now))


@dataclass
class World:
    """v2 waits at 25 % for `count` people."""

    folder: Path
    settings: Settings = SETTINGS
    count: int = 2
    role: str = "operator"
    timeout: float | None = None
    author_counts: bool = True

    def __post_init__(self) -> None:
        self.store = MemoryStore(fold=evolve)
        self.written = 0
        self.book = Book()
        self.book.deploy(release("v1"))
        self.book.run()
        terms = Approval(
            count=self.count, role=self.role, timeout_seconds=self.timeout, author_counts=self.author_counts
        )
        steps = (SetWeight(25, 1), Approve(terms), SetWeight(50, 1))
        self.book.deploy(release("v2", strategy=canary(*steps)))
        self.book.run(until=Phase.PAUSED)
        loop = cast("ServiceLoop", Loop(self.book))

        def known(name: str) -> ServiceLoop:
            if name != "shop":
                raise FerrymanError("unknown_service", f"there is no service {name!r} here")
            return loop

        self.links = ApprovalLinks(
            LinkKey(self.folder),
            self.settings,
            lambda name: known(name).service,
            self.view,
            Verbs(known, lambda: pytest.fail("nobody moves on here")),
            lambda: cast("Any", self),
            lambda: self.book.now,
        )

    async def events(self, service: str, **asked: Any) -> Any:
        """The store with all that happened until now."""
        fresh = self.book.events[self.written :]
        self.written = len(self.book.events)
        if fresh:
            lease = await self.store.claim("shop", "test", self.book.now, 1e9)
            drafts = tuple(Draft(e.rollout, e.body, e.actor) for e in fresh)
            await self.store.append(Append(lease, fresh[0].seq - 1, self.book.now, drafts))
        return await self.store.events(service, **asked)

    async def write(self, stream: str, **entry: Any) -> Any:
        return await self.store.write(stream, **entry)

    async def view(self, name: str) -> ServiceView:
        return service_view(self.book.service, self.book.seen(), Traffic((1.0,)), {}, "", ())

    def notice(self) -> Notice:
        return next(n for n in reversed(told(self.book.events)) if n.kind is NoticeKind.APPROVAL)

    def token(self, channel: str = "ana-mail") -> str:
        (action,) = self.links.actions(self.notice(), channel)
        (token,) = parse_qs(urlsplit(action.url).query)["t"]
        return token

    async def code(self, token: str, *, agree: bool | None = None) -> str:
        """What opening it (or answering by it) is refused with; nothing may have happened."""
        before = len(self.book.events)
        with pytest.raises(Refused) as caught:
            await (self.links.look(token) if agree is None else self.links.answer(token, agree=agree, reason="r"))
        assert len(self.book.events) == before
        assert token not in str(caught.value)
        return caught.value.code


def played(story: Callable[[World], Coroutine[Any, Any, None]], world: World) -> None:
    async def run() -> None:
        await world.store.open()
        await story(world)

    asyncio.run(run())


# ---------------------------------------------------------------------- into messages
def test_a_link_goes_to_who_is_named_and_only_where_something_is_asked_of_them(tmp_path: Path) -> None:
    world = World(tmp_path)
    (action,) = world.links.actions(world.notice(), "ana-mail")
    assert action.label == "Approve or deny"
    assert action.url.startswith("https://f.example/approval?t=")
    assert world.links.actions(world.notice(), "ana-mail") == (action,)  # sent twice it is the same link
    assert world.links.actions(world.notice(), "ana-chat") != (action,)
    for channel in ("team", "nowhere"):
        assert world.links.actions(world.notice(), channel) == ()
    assert world.links.actions(replace(world.notice(), gate=""), "ana-mail") == ()
    # Her word would not count: she is not offered to give it.
    assert world.links.actions(replace(world.notice(), role="admin"), "ana-mail") == ()
    assert len(world.links.actions(replace(world.notice(), role="admin"), "ben-mail")) == 1


def test_without_a_public_address_there_are_no_links(tmp_path: Path) -> None:
    world = World(tmp_path, replace(SETTINGS, public_url=""))
    assert world.links.actions(world.notice(), "ana-mail") == ()


def test_a_key_that_others_may_read_makes_no_links_and_is_trouble(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.token()
    (tmp_path / "approval-links.key").chmod(0o644)
    assert world.links.actions(world.notice(), "ana-mail") == ()
    assert "may be read by others" in world.links.trouble

    async def story(world: World) -> None:
        await world.links.rotate("root")
        assert world.links.trouble == ""
        (entry,) = await world.store.entries(STREAM)
        assert (entry.kind, entry.actor, entry.body) == ("link_key_changed", "root", {})

    played(story, world)
    assert world.token()


def test_a_link_ends_with_the_time_to_answer(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert (await world.links.look(world.token())).expires_at == world.notice().at + 600.0

    played(story, World(tmp_path, timeout=600.0))


# ---------------------------------------------------------------------- out of messages
def test_looking_changes_nothing_and_says_what_is_asked(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        token, before = world.token(), len(world.book.events)
        found = await world.links.look(token)
        assert await world.links.look(token) == found
        assert (found.person, found.role, found.approval.needed, found.agreed) == (
            "ana@example.org",
            "operator",
            2,
            None,
        )
        assert found.service.rollout is not None
        assert found.service.rollout.candidate == "v2"
        assert len(world.book.events) == before

    played(story, World(tmp_path))


def test_an_approval_by_link_names_the_person_and_the_digest_and_is_good_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        token = world.token()
        answer = await world.links.answer(token, agree=True, reason="fine")
        assert answer.text == "approved 1/2"
        event = world.book.events[-1]
        assert isinstance(event.body, Approved)
        assert event.actor == "ana@example.org"
        assert (event.body.role, event.body.reason, event.body.link) == ("operator", "fine", digest_of(token))
        assert await world.code(token) == "link_used"
        assert await world.code(token, agree=True) == "link_used"
        assert await world.code(token, agree=False) == "link_used"
        # By her other channel she agreed already; that counts once.
        other = world.token("ana-chat")
        found = await world.links.look(other)
        assert found.agreed is not None
        assert not (await world.links.answer(other, agree=True, reason="")).changed
        assert (await world.links.answer(world.token("ben-mail"), agree=True, reason="")).text == "approved 2/2"
        assert await world.code(other) == "link_moved_on"

    played(story, World(tmp_path))


def test_a_person_counts_once_by_link_and_by_other_means(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        book = world.book
        book.take(approve(book.service, actor="Ana@Example.org", role="operator", now=book.now))
        assert not (await world.links.answer(world.token(), agree=True, reason="")).changed
        assert (await world.links.answer(world.token("ben-mail"), agree=True, reason="")).text == "approved 2/2"

    played(story, World(tmp_path))


def test_two_at_once_by_one_link_are_one(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        token = world.token()
        answers = [world.links.answer(token, agree=agree, reason="r") for agree in (True, False, True)]
        done = await asyncio.gather(*answers, return_exceptions=True)
        assert [getattr(each, "text", getattr(each, "code", "")) for each in done] == [
            "approved 1/1",
            "link_used",
            "link_used",
        ]

    played(story, World(tmp_path, count=1))


def test_a_denial_needs_a_reason_and_takes_the_release_back(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        token, before = world.token(), len(world.book.events)
        with pytest.raises(Refused, match="needs a reason"):
            await world.links.answer(token, agree=False, reason="")
        assert len(world.book.events) == before
        assert (await world.links.answer(token, agree=False, reason="errors")).text == "denied, v1 takes 100%"
        assert world.book.rollout.cause is not None
        assert world.book.rollout.cause.reason == "denied by ana@example.org: errors"
        assert await world.code(token) == "link_used"
        assert await world.code(world.token("ben-mail"), agree=True) == "link_moved_on"
        world.book.run()
        # Long over, it still says who used it.
        with pytest.raises(Refused, match=r"used by ana@example\.org, who refused, at 1970-"):
            await world.links.look(token)
        assert await world.code(world.token("ben-mail"), agree=True) == "link_over"
        world.book.deploy(release("v3", strategy=canary(SetWeight(50, 1))))
        world.book.run()
        assert await world.code(token, agree=True) == "link_used"
        assert await world.code(world.token("ben-mail"), agree=True) == "link_over"

    played(story, World(tmp_path))


def test_links_of_an_ended_wait_do_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        token, book = world.token(), world.book
        book.take(deny(book.service, actor="eve", role="admin", now=book.now, reason="no"))
        assert await world.code(token, agree=True) == "link_moved_on"
        book.down()
        assert await world.code(token, agree=True) == "link_over"

    played(story, World(tmp_path))


def test_a_link_of_another_attempt_does_nothing(tmp_path: Path) -> None:
    from ferryman.core.phases import Verb

    async def story(world: World) -> None:
        token, book = world.token(), world.book
        book.verb(Verb.ABORT)
        book.run()
        book.verb(Verb.RETRY)
        book.run(until=Phase.PAUSED)
        assert await world.code(token, agree=True) == "link_moved_on"
        assert (await world.links.answer(world.token(), agree=True, reason="")).changed

    played(story, World(tmp_path))


def test_an_expired_link_does_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        token = world.token()
        world.book.now = world.notice().at + 3599.0
        await world.links.look(token)
        world.book.now += 1.0
        assert await world.code(token, agree=True) == "link_expired"

    played(story, World(tmp_path))


def test_a_new_key_ends_every_link_that_was_sent(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        token = world.token()
        await world.links.rotate("root")
        assert await world.code(token, agree=True) == "link_key_changed"
        assert (await world.links.answer(world.token(), agree=True, reason="")).changed

    played(story, World(tmp_path))


@pytest.mark.parametrize("channels", [(), CHANNELS[3:], (ChannelSettings("ana-mail", VIA, Approver("dan")),)])
def test_who_is_named_no_more_has_no_say(tmp_path: Path, channels: tuple[ChannelSettings, ...]) -> None:
    token = World(tmp_path).token()

    async def story(world: World) -> None:
        assert await world.code(token, agree=True) == "link_withdrawn"

    played(story, World(tmp_path, replace(SETTINGS, notify=NotifySettings(channels))))


def test_who_has_a_lower_role_now_has_it_by_older_links_too(tmp_path: Path) -> None:
    token = World(tmp_path, role="admin").token("ben-mail")

    async def story(world: World) -> None:
        assert await world.code(token, agree=True) == "wrong_role"

    lower = (ChannelSettings("ben-mail", VIA, Approver("ben", "operator")),)
    played(story, World(tmp_path, replace(SETTINGS, notify=NotifySettings(lower)), role="admin"))


def test_the_author_may_deny_by_link_where_others_must_agree(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        token = world.token()
        assert await world.code(token, agree=True) == "own_release"
        assert (await world.links.answer(token, agree=False, reason="wrong build")).changed

    channels = (ChannelSettings("ana-mail", VIA, Approver("Ana")),)  # the book's releases are ana's
    settings = replace(SETTINGS, notify=NotifySettings(channels))
    played(story, World(tmp_path, settings, author_counts=False))
