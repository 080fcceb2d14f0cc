"""The page behind an approval link, as text: what would be approved and on which figures, two forms, what became of it.

Pure. Every text that somebody wrote is escaped by `markup`; there is no script, and the only style is the one sheet.
"""

from __future__ import annotations

from urllib.parse import quote

from ferryman.api.approval.markup import Html, Part, joined, tag
from ferryman.api.approval.style import sheet
from ferryman.api.approval.words import figure_rows, question, steps, what_is_asked
from ferryman.api.wire import REASON_CHARACTERS_MAX
from ferryman.model.errors import FerrymanError
from ferryman.model.link import LinkView
from ferryman.model.view import AnswerView, RolloutView
from ferryman.notify.figures import figure_text, figures
from ferryman.notify.words import moment_text, seconds_text

ACTION = "/approval"
APPROVE, DENY = "approve", "deny"
MARK = Html(
    '<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#0d5f6b"/>'
    '<path d="M6 17h20l-3.2 5.2a2 2 0 0 1-1.7 1H10.9a2 2 0 0 1-1.7-1z" fill="#fff"/>'
    '<path d="M11 15v-4h6v4zM18.5 15V8.500h2V15z" fill="#fff"/><path d="M6 26.500c2.500-1.600 4.200-1.600 6.700 0s4.200 1.600 '
    '6.700 0 4.200-1.600 6.600 0" fill="none" stroke="#8fd0d8" stroke-width="1.600" stroke-linecap="round"/></svg>'
)
TITLES = {
    "link_forged": "This is no link of ours",
    "link_key_changed": "This link is good no longer",
    "link_withdrawn": "This link is good no longer",
    "link_used": "This link was used already",
    "link_expired": "This link is too old",
    "link_over": "The release is over",
    "link_moved_on": "The release waits for this no more",
    "no_gate": "The release waits for this no more",
    "own_release": "Somebody else has to answer",
    "wrong_role": "Somebody else has to answer",
    "too_many_attempts": "Too many wrong links",
}
VERDICTS = {"pass": "ok", "fail": "bad", "inconclusive": "wait", "insufficient": "wait", "error": "bad"}


def asking(link: LinkView, token: str, trouble: str = "") -> str:
    """What is asked, and the two forms. `trouble` says why an answer was not taken."""
    rollout = link.service.rollout
    assert rollout is not None
    return _document(
        question(link),
        tag("p", tag("span", "Approval", css="pill wait"), " ", link.service.service, ", ", rollout.id, css="soft"),
        tag("h1", question(link)),
        tag("p", what_is_asked(link)),
        _notice("bad", trouble) if trouble else None,
        _notice("ok", f"You agreed already, at {moment_text(link.agreed.at)}; once more does not count twice.")
        if link.agreed
        else None,
        _facts(link, rollout),
        _comparison(link),
        _judge(rollout),
        _answers(token, link),
        _foot(link),
    )


def done(link: LinkView, answer: AnswerView, *, agree: bool) -> str:
    """What became of an answer."""
    title = f"You agreed: {answer.text}" if agree else f"You denied it: {answer.text.removeprefix('denied, ')}"
    css, word = ("ok", "Agreed") if agree else ("bad", "Denied")
    left = link.approval.needed - len(link.approval.given) - answer.changed
    if not agree:
        following = "The release goes back; nobody else has to do anything for that."
    elif left > 0:
        following = f"{left} more must agree before {link.service.service} goes on."
    else:
        following = f"{link.service.service} goes on with {answer.rollout}."
    where = joined(link.service.service, ", ", answer.rollout)
    said = f"It is written down for {link.person}, as {link.role}, by link. This link is used up."
    if not answer.changed:
        said = "You had agreed already, so nothing more was written down."
    return _document(
        title,
        tag("p", tag("span", word, css=f"pill {css}"), " ", where, css="soft"),
        tag("h1", title),
        tag("p", following),
        tag("p", said, css="soft"),
        _dashboard(link),
    )


def refusal(error: FerrymanError) -> str:
    """Why a link does nothing."""
    return _document(
        "Nothing was changed",
        tag("p", tag("span", "Nothing was changed", css="pill bad")),
        tag("h1", TITLES.get(error.code, "This did not work")),
        tag("p", _sentence(error.message)),
        tag("p", _sentence(error.hint), css="soft") if error.hint else None,
        tag("p", error.code, css="soft small"),
    )


def _document(title: str, *parts: Part) -> str:
    head = (
        tag("meta", attributes={"charset": "utf-8"}),
        tag("meta", attributes={"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        tag("meta", attributes={"name": "robots", "content": "noindex"}),
        tag("title", f"{title} · Ferryman"),
        tag("style", Html(sheet())),
    )
    body = (tag("header", MARK, tag("span", "Ferryman"), css="bar"), tag("main", *parts))
    page = tag("html", tag("head", *head), tag("body", *body), attributes={"lang": "en"})
    return f"<!doctype html>\n{page}\n"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _notice(css: str, text: str) -> Html:
    return tag("p", text, css=f"notice {css}", attributes={"role": "status"})


def _answers(token: str, link: LinkView) -> Html:
    rollout = link.service.rollout
    assert rollout is not None
    back = f"{rollout.stable} takes all users back." if rollout.stable else "nothing serves then, as before."
    agree = _form(token, APPROVE, "Note (may stay empty)", tag("button", "Approve"), needed=False)
    deny = _form(token, DENY, "Why not", tag("button", "Deny", css="no"), needed=True)
    small = tag("p", f"One denial is enough: {back}", css="soft small")
    return tag("section", tag("div", agree, css="card"), tag("div", deny, small, css="card"), css="answers")


def _form(token: str, answer: str, label: str, button: Html, *, needed: bool) -> Html:
    name = f"{answer}-reason"
    box = {"id": name, "name": "reason", "maxlength": str(REASON_CHARACTERS_MAX), "rows": "2"}
    return tag(
        "form",
        tag("input", attributes={"type": "hidden", "name": "t", "value": token}),
        tag("input", attributes={"type": "hidden", "name": "answer", "value": answer}),
        tag("label", label, attributes={"for": name}),
        tag("textarea", "", attributes=box | ({"required": ""} if needed else {})),
        button,
        attributes={"method": "post", "action": ACTION, "accept-charset": "utf-8", "autocomplete": "off"},
    )


def _facts(link: LinkView, rollout: RolloutView) -> Html:
    asked, at = link.approval, link.service.at
    by = rollout.created_by + (f": {rollout.reason}" if rollout.reason else "")
    until = f"{moment_text(asked.until)}, in {_left(asked.until, at)}; then it counts as denied" if asked.until else ""
    given = [f"{g.by} ({g.role})" + (f": {g.reason}" if g.reason else "") for g in asked.given]
    rows: tuple[tuple[str, str], ...] = (
        ("Versions", f"{rollout.candidate} over {rollout.stable}" if rollout.stable else rollout.candidate),
        ("Released by", by),
        (
            "Users now",
            f"{rollout.exposure_percent:g}% meet {rollout.candidate}",
        ),
        ("Agreed", "; ".join(given) or "nobody yet"),
        ("Waits since", f"{moment_text(asked.since)}, {_left(at, asked.since)} ago"),
        ("Answer by", until),
        ("Trouble", link.service.trouble),
        ("Frozen", link.service.freeze.reason if link.service.freeze else ""),
    )
    pairs = [joined(tag("dt", name), tag("dd", value)) for name, value in rows if value]
    track = [tag("li", text, css=state) for text, state in steps(rollout)]
    return tag(
        "section",
        tag("h2", "What it is about"),
        tag("dl", *pairs),
        tag("h2", "Plan", css="next"),
        tag("ol", *track, css="track"),
        css="card",
    )


def _left(later: float, earlier: float) -> str:
    return seconds_text(max(0.0, float(round(later - earlier))))


def _comparison(link: LinkView) -> Html | None:
    found = figure_rows(link.service)
    if found is None:
        return None
    (stable, candidate), rows = found
    head = tag("tr", tag("th", ""), tag("th", stable, css="stable"), tag("th", candidate, css="candidate"))
    lines = [tag("tr", tag("th", name), tag("td", left), tag("td", right)) for name, left, right in rows]
    table = tag("table", tag("thead", head), tag("tbody", *lines))
    return tag("section", tag("h2", "Version beside version, the last 10 s"), table, css="card")


def _judge(rollout: RolloutView) -> Html | None:
    if rollout.verdict is None:
        return None
    pill = tag("span", rollout.verdict, css=f"pill {VERDICTS.get(rollout.verdict, '')}")
    lines = [tag("li", figure_text(figure)) for figure in figures(rollout.evidence)]
    said = tag("p", pill, " ", rollout.verdict_reason)
    return tag("section", tag("h2", "What the judge says"), said, tag("ul", *lines, css="soft"), css="card")


def _foot(link: LinkView) -> Html:
    until = moment_text(link.expires_at)
    said = f"This link is for {link.person} alone, good once, until {until}. Opening it changes nothing."
    return tag("footer", tag("p", said, css="soft small"), _dashboard(link))


def _dashboard(link: LinkView) -> Html:
    address = f"/services/{quote(link.service.service, safe='')}"
    return tag("p", tag("a", "See it on the dashboard", attributes={"href": address}), css="small")
