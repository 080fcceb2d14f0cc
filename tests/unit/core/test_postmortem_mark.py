"""The mark that an incident was written about."""

import pytest

from ferryman.core.postmortem import written_about
from ferryman.model.errors import Refused, UsageError
from ferryman.model.release import SetWeight
from unit.playbook import Book, canary, release


def taken_back() -> Book:
    book = Book()
    for label in ("v1", "v2"):
        book.deploy(release(label, strategy=canary(SetWeight(25, 60))))
        if label == "v1":
            book.run()
    book.run(until=book.rollout.phase.__class__.PROGRESSING)
    book.tick()
    book.tick()
    book.judge("fail", reason="errors")
    book.run()
    return book


def test_it_is_kept_beside_the_incident() -> None:
    book = taken_back()
    answer = written_about(book.service, "shop-2", "https://wiki/1", actor="ana", reason="done")
    for draft in answer.drafts:
        book.fold(draft)
    assert book.service.incidents["shop-2"].postmortem == "https://wiki/1"
    again = written_about(book.service, "shop-2", "https://wiki/1", actor="ana")
    assert again.drafts == ()


def test_what_is_no_incident_and_what_is_no_address() -> None:
    book = taken_back()
    with pytest.raises(Refused) as refused:
        written_about(book.service, "shop-1", "https://wiki/1", actor="ana")
    assert (refused.value.code, refused.value.hint) == ("no_incident", "incidents: shop-2")
    for url in ("javascript:alert(1)", "wiki/1", "https://a b", "https://x\n", "https://" + "x" * 600):
        with pytest.raises(UsageError):
            written_about(book.service, "shop-2", url, actor="ana")
