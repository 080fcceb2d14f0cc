"""The page of a post-mortem: what it tells, that it is whole, that nothing in it is taken for markup."""

from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from ferryman.cli.commands.postmortem import report_formats, report_path, service_of
from ferryman.cli.postmortem.case import Case, exposure_points
from ferryman.cli.postmortem.charts import Limit, Line, chart
from ferryman.cli.postmortem.markdown import markdown_page, plain
from ferryman.cli.postmortem.page import html_page
from ferryman.model.errors import FerrymanError
from ferryman.model.view import EventView, MeasurementSeries, MetricSeries, RolloutSummary, SideSeries
from unit.cli.samples import AT, EVIDENCE

EVIL = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(2)> | `x` [a](javascript:b)"
VOID = {"meta", "line", "polyline", "br", "img"}
SUMMARY = RolloutSummary(
    id="shop-7", number=7, kind="deploy", strategy="canary", candidate="v9", stable="v8", outcome="rolled_back",
    reason="errors: far more", created_at=AT, created_by="ana", ended_at=AT + 95, seconds=95.0, rollback_seconds=0.4,
    max_exposure_percent=25.0, attempt=1, cause_kind="verdict", ready_seconds=3.0,
)  # fmt: skip


def event(at: float, kind: str, text: str, actor: str = "ferryman", **body: object) -> EventView:
    return EventView(1, "shop", 1, "shop-7", AT + at, actor, kind, text, dict(body), "")


EVENTS = (
    event(0, "rollout_created", "deploy v9 by canary", "ana", reason="new prices"),
    event(0, "noted", "checklist: works open", topic="checklist", detail={
        "items": [{"id": "works", "stand": "warn", "question": "Function verified?", "saw": "no check"}]}),
    event(1, "step_entered", "step '25%'", exposure_percent=25.0),
    event(2, "step_reached", "step 1 is served"),
    event(60, "paused", "paused (operator): odd", "ben"),
    event(89, "verdict_changed", "verdict fail", verdict="fail", reason="errors: far more", evidence=EVIDENCE),
    event(90, "back_ordered", "goes back", cause={"kind": "verdict", "reason": "errors: far more", "by": "ferryman"}),
    event(90.4, "step_reached", "step 1 is served"),
    event(95, "rollout_ended", "rolled back"),
)  # fmt: skip
SERIES = MeasurementSeries(
    rollout="shop-7", measured=3, at=(AT + 2, AT + 12, AT + 22), attempt=(1, 1, 1), stage=(0, 0, 0),
    weight_percent=(25.0, 25.0, 25.0), verdict=("continue", "continue", "fail"),
    stable=SideSeries(requests_per_second=(None, 75.0, 75.0), error_percent=(None, 1.0, 1.0), p95_ms=(None, 40.0, 41.0)),
    candidate=SideSeries(requests_per_second=(None, 25.0, 25.0), error_percent=(None, 10.0, 10.0), p95_ms=(None, 50.0, 55.0)),
    log_e=(0.0, 2.0, 5.0), fail_at=4.6, promote=MetricSeries(at=(AT + 12, AT + 22), promote_log_e=(0.1, -3.0)), pass_at=3.0,
)  # fmt: skip
CASE = Case("shop", SUMMARY, EVENTS, SERIES)


class Whole(HTMLParser):
    """Every tag is closed, and only known ones are there."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(page: str) -> Whole:
    whole = Whole()
    whole.feed(page)
    whole.close()
    assert whole.open == []
    return whole


def test_what_happened_in_two_sentences() -> None:
    assert CASE.story() == (
        "On 2023-11-14 22:13:20 UTC ana released shop v9 over v8 by canary (deploy); at most 25% of the traffic met it.",
        (
            "It was rolled back by the judge 1m28s after the first user met it (errors: far more); 0.4s later nobody met it "
            "any more, and v8 serves."
        ),
    )


def test_who_was_affected() -> None:
    found = CASE.affected
    assert (found.new_requests, found.new_errors, found.old_requests, found.old_errors) == (500, 50, 1500, 15)
    assert found.share_percent == 25.0
    assert found.extra == 45.0
    assert (CASE.detection_seconds, CASE.recovery_seconds) == (88.0, 0.4)


@pytest.mark.parametrize("make", [html_page, markdown_page])
def test_all_of_it_is_there(make) -> None:
    page = make(CASE)
    for text in (
        "shop-7",
        "rolled back",
        "500 (25%)",
        "1m28s",
        "0.4s",
        "22:14:49",
        "Function verified",
        "ben",
        "far more",
    ):
        assert text in page, text
    assert "(operator)" in page
    assert page == make(CASE), "the same log, the same page"


def test_the_page_is_whole_and_needs_nothing_from_elsewhere() -> None:
    page = html_page(CASE)
    whole = parsed(page)
    assert page.count("<figure>") == 4
    assert not whole.tags & {"script", "img", "link", "iframe", "object", "a"}
    assert not {"src", "href", "onerror", "onload"} & whole.attributes
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_nothing_that_people_wrote_is_markup() -> None:
    bad = replace(SUMMARY, candidate=EVIL, stable=EVIL, created_by=EVIL, reason=EVIL, strategy=EVIL)
    events = tuple(
        replace(
            e,
            text=EVIL,
            actor=EVIL,
            body={**e.body, "reason": EVIL, "cause": {"kind": EVIL, "reason": EVIL, "by": EVIL}},
        )
        for e in EVENTS
    )
    note = replace(
        events[1], body={"topic": "checklist", "detail": {"items": [dict.fromkeys(("stand", "question", "saw"), EVIL)]}}
    )
    page = html_page(Case(EVIL, bad, (events[0], note, *events[2:]), SERIES))
    whole = parsed(page)
    assert not whole.tags & {"script", "img"}
    assert "onerror" not in whole.attributes
    text = markdown_page(Case(EVIL, bad, (events[0], note, *events[2:]), SERIES))
    assert "<script" not in text
    assert "<img" not in text
    assert "[a](" not in text, "brackets are escaped: no link"


def test_markdown_is_made_plain() -> None:
    assert plain("a|b\n<i> `c` [d](e)") == "a\\|b &lt;i&gt; \\`c\\` \\[d\\](e)"


def test_a_rollout_that_was_not_judged() -> None:
    empty = Case(
        "shop", replace(SUMMARY, outcome="promoted", rollback_seconds=None), (), MeasurementSeries("shop-7", 0)
    )
    page = html_page(empty)
    parsed(page)
    assert "Nothing was measured" in page
    assert "It was promoted after 1m35s: errors: far more." in markdown_page(empty)


def test_exposure_over_time() -> None:
    assert exposure_points(CASE) == [
        (AT, 0.0), (AT + 2, 0.0), (AT + 2, 25.0), (AT + 90.4, 25.0), (AT + 90.4, 0.0), (AT + 95, 0.0),
    ]  # fmt: skip


def test_a_chart_of_nothing_is_nothing() -> None:
    assert chart("x", "%", []) == ""
    assert chart("x", "%", [Line("a", "new", [(1.0, None), (2.0, 3.0)])]) == ""
    assert chart("x", "%", [Line("a", "new", [(1.0, 2.0), (1.0, 3.0)])]) == ""
    drawn = chart(
        "x", "%", [Line("a", "new", [(1.0, 0.0), (2.0, 3.0), (3.0, None), (4.0, 1.0), (5.0, 2.0)])], [Limit("l", 9.0)]
    )
    assert drawn.count("<polyline") == 2
    assert "10%" in drawn


@pytest.mark.parametrize("name", ["", "shop", "shop-", "-7", "shop-x", "../etc"])
def test_what_is_no_rollout(name: str) -> None:
    with pytest.raises(FerrymanError) as unknown:
        service_of(name)
    assert unknown.value.code == "unknown_rollout"


@pytest.mark.parametrize(
    ("out", "asked", "formats", "first"),
    [
        (None, None, ("html", "md"), "postmortem-shop-7.html"),
        ("reports", None, ("html", "md"), "reports/postmortem-shop-7.html"),
        (None, "md", ("md",), "postmortem-shop-7.md"),
        ("a/b.MD", None, ("md",), "a/b.MD"),
        ("b.htm", "html", ("html",), "b.htm"),
        ("-", None, ("md",), None),
        ("-", "html", ("html",), None),
    ],
)
def test_both_are_written_unless_one_is_named(
    out: str | None, asked: str | None, formats: tuple[str, ...], first: str | None
) -> None:
    assert report_formats(out, asked) == formats
    if first is not None:
        assert str(report_path(out, "shop-7", formats[0])) == first


def test_an_ending_and_a_format_that_do_not_agree() -> None:
    with pytest.raises(FerrymanError, match="do not agree"):
        report_formats("b.md", "html")
