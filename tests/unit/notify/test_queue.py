"""The queue of a channel, and the rules: time and chance are arguments."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from ferryman.engine.outbox.queue import ChannelQueue, Delivery, retry_seconds
from ferryman.engine.outbox.rules import fits, reaches, routed
from ferryman.model.notice import Audience, NoticeKind, Severity
from ferryman.model.notify import Rule
from ferryman.notify.base import Message
from unit.notify.telling import NOTICE


def delivery(position: int, severity: Severity = Severity.INFO) -> Delivery:
    notice = replace(NOTICE, key=f"shop/{position}", severity=severity)
    return Delivery(Message(f"shop/{position}/ops", notice), position, 0.0)


@dataclass
class Filled:
    queue: ChannelQueue

    def ids(self) -> list[int]:
        return [item.position for item in self.queue.items]


def test_waits_double_to_a_limit_and_are_drawn_from_the_upper_half() -> None:
    assert [retry_seconds(n, 1.0) for n in (1, 2, 3, 4, 9, 10, 1000)] == [1, 2, 4, 8, 256, 300, 300]
    assert retry_seconds(3, 0.0) == 2.0
    assert retry_seconds(3, 0.5) == 3.0


def test_the_oldest_comes_first_and_nothing_while_the_channel_rests() -> None:
    queue = ChannelQueue()
    for n in (2, 1, 3):
        queue.add(delivery(n))
    first = queue.next(0.0)
    assert first is not None
    assert first.position == 1
    queue.failed(first, 0.0, lambda: 1.0)
    assert queue.next(0.9) is None
    assert queue.next_at() == 1.0
    again = queue.next(1.0)
    assert again is not None
    assert again.position == 1


def test_what_the_other_side_asks_for_is_waited() -> None:
    queue = ChannelQueue()
    queue.add(delivery(1))
    first = queue.next(0.0)
    assert first is not None
    queue.failed(first, 0.0, lambda: 1.0, after_seconds=30.0)
    assert queue.next(29.9) is None
    assert queue.next(30.0) is not None


def test_one_that_cannot_be_taken_blocks_no_other() -> None:
    queue = ChannelQueue()
    queue.add(delivery(1))
    queue.add(delivery(2))
    now, tried = 0.0, list[int]()
    while len(tried) < 5:
        item = queue.next(now)
        if item is None:
            now = queue.next_at() or now
            continue
        tried.append(item.position)
        if item.position == 2:
            queue.settled(item)
        else:
            queue.failed(item, now, lambda: 1.0)
    assert tried == [1, 1, 1, 2, 1]


def test_a_full_queue_drops_the_oldest_of_the_least_severity() -> None:
    queue = ChannelQueue(most=3)
    for n, severity in ((1, Severity.CRITICAL), (2, Severity.INFO), (3, Severity.INFO)):
        assert queue.add(delivery(n, severity)) is None
    dropped = queue.add(delivery(4, Severity.WARNING))
    assert dropped is not None
    assert dropped.position == 2
    assert Filled(queue).ids() == [1, 3, 4]
    new = queue.add(delivery(5, Severity.INFO))
    assert new is not None
    assert new.position == 3
    for n in (6, 7, 8):
        queue.add(delivery(n, Severity.CRITICAL))
    least = queue.add(delivery(9, Severity.INFO))
    assert least is not None
    assert least.position == 9
    assert Filled(queue).ids() == [6, 7, 8]


def test_it_is_overdue_after_a_day_of_trying() -> None:
    item = delivery(1)
    assert not item.overdue(1e9)
    ChannelQueue(items=[item]).failed(item, 1000.0, lambda: 0.0)
    assert not item.overdue(1000.0 + 86_399)
    assert item.overdue(1000.0 + 86_400)


@pytest.mark.parametrize(
    ("rule", "fit"),
    [
        (Rule(), True),
        (Rule(kinds=(NoticeKind.ROLLBACK, NoticeKind.FAILED)), True),
        (Rule(kinds=(NoticeKind.STARTED,)), False),
        (Rule(audience=(Audience.ON_CALL,)), True),
        (Rule(audience=(Audience.APPROVERS,)), False),
        (Rule(severity=Severity.CRITICAL), True),
        (Rule(services=("sh*",)), True),
        (Rule(services=("pay", "shop-*")), False),
        (Rule(services=("shop",), kinds=(NoticeKind.STARTED,)), False),
    ],
)
def test_a_rule_holds_when_all_its_conditions_do(rule: Rule, fit: bool) -> None:
    assert fits(rule, NOTICE) is fit


def test_severity_is_a_least_one() -> None:
    assert not fits(Rule(severity=Severity.CRITICAL), replace(NOTICE, severity=Severity.WARNING))
    assert fits(Rule(severity=Severity.WARNING), replace(NOTICE, severity=Severity.CRITICAL))


def test_rules_name_channels_and_without_rules_all_hear_all() -> None:
    channels = ("a", "b", "c")
    assert routed((), channels, NOTICE) == channels
    rules = (Rule(channels=("c",)), Rule(channels=("a",), kinds=(NoticeKind.STARTED,)))
    assert routed(rules, channels, NOTICE) == ("c",)
    assert routed((Rule(severity=Severity.CRITICAL),), channels, NOTICE) == channels
    assert routed((Rule(kinds=(NoticeKind.STARTED,)),), channels, NOTICE) == ()


def test_which_channels_may_tell_of_a_service() -> None:
    rules = (Rule(channels=("a",), services=("pay-*",)), Rule(channels=("b",)), Rule(services=("shop",)))
    assert all(reaches((), name, "shop") for name in "abc")
    assert [name for name in "abc" if reaches(rules, name, "pay-eu")] == ["a", "b"]
    assert [name for name in "abc" if reaches(rules, name, "shop")] == ["a", "b", "c"]
    assert [name for name in "abc" if reaches(rules, name, "other")] == ["b"]
