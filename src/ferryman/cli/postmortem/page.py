"""The post-mortem as one HTML file: no script, nothing from elsewhere; every text of people is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ferryman.cli.postmortem.case import QUESTIONS, Case, clock_utc, exposure_points, figures, moment
from ferryman.cli.postmortem.charts import Limit, Line, chart
from ferryman.cli.postmortem.evidence import evidence_rows
from ferryman.cli.postmortem.style import STYLE
from ferryman.model.view import MeasurementSeries

STANDS = {"pass": "pass", "fail": "fail", "warn": "doubtful", "unknown": "unknown", "not_applicable": "not applicable"}


def html_page(case: Case) -> str:
    """The whole file."""
    title = f"Post-mortem: {case.service} {case.summary.candidate} ({case.summary.id})"
    first, second = case.story()
    sections = [
        _header(case),
        f'<p class="story">{escape(first)} {escape(second)}</p>',
        _figures(case),
        _section("What users met", _charts(case)),
        _section("The evidence that decided", _evidence(case)),
        _section("Timeline (UTC)", _timeline(case)),
        _section("Who did what", _people(case)),
        _section("The checklist at the time", _checklist(case)),
        _section("Open questions", _questions()),
    ]
    body = "\n".join(part for part in sections if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{body}\n</section>" if body else ""


def _header(case: Case) -> str:
    summary = case.summary
    tone = "good" if summary.outcome == "promoted" or summary.cause_kind == "drill" else "bad"
    over = f' <span class="arrow">&larr;</span> {escape(summary.stable)}' if summary.stable else ""
    return (
        f'<header><p class="kind">Post-mortem &middot; {escape(summary.id)} &middot; {escape(moment(summary.created_at))}</p>\n'
        f"<h1>{escape(case.service)} {escape(summary.candidate)}{over}</h1>\n"
        f'<p><span class="badge {tone}">{escape(case.outcome)}</span> {escape(summary.strategy)}, attempt '
        f"{summary.attempt}, by {escape(summary.created_by)}</p></header>"
    )


def _figures(case: Case) -> str:
    tiles = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(figure)}</dd><p>{escape(means)}</p></div>"
        for name, figure, means in figures(case)
    )
    note = (
        ""
        if case.series.measured
        else '<p class="note">Nothing was measured: the rollout was not judged, or too long ago.</p>'
    )
    return f'<dl class="figures">{tiles}</dl>{note}'


def _charts(case: Case) -> str:
    series, summary = case.series, case.summary
    new, old = summary.candidate, summary.stable or "before"
    marks = [case.back.at] if case.back is not None else []
    share = Line(f"share of {new}", "new", exposure_points(case))
    found = [chart("Exposure", "%", [share], marks=marks)]
    if series.measured:
        for title, unit, name in (("Error rate", "%", "error_percent"), ("Latency, 95th percentile", " ms", "p95_ms")):
            lines = [
                Line(new, "new", _column(series, getattr(series.candidate, name))),
                Line(old, "old", _column(series, getattr(series.stable, name))),
            ]
            found.append(chart(title, unit, lines, marks=marks))
        found.append(_evidence_chart(series, marks))
    return "\n".join(part for part in found if part)


def _column(series: MeasurementSeries, values: Iterable[float | None]) -> list[tuple[float, float | None]]:
    return list(zip(series.at, values, strict=False))


def _evidence_chart(series: MeasurementSeries, marks: list[float]) -> str:
    """Evidence of harm and of being well, each against its threshold."""
    harm = [(at, None if value is None else max(0.0, value)) for at, value in _column(series, series.log_e)]
    well = [
        (at, None if value is None else max(0.0, value))
        for at, value in zip(series.promote.at, series.promote.promote_log_e, strict=False)
    ]
    limits = [Limit("takes it back", series.fail_at)] if series.fail_at is not None else []
    lines = [Line("evidence of harm", "harm", harm)]
    if well:
        lines.append(Line("evidence to go on", "well", well))
        limits += [Limit("lets it go on", series.pass_at, "fine")] if series.pass_at is not None else []
    return chart("Evidence against its thresholds (log e)", "", lines, limits, marks)


def _evidence(case: Case) -> str:
    said = case.deciding
    if said is None:
        why = case.cause.get("reason")
        return f"<p>No verdict was given. It went back because: {escape(str(why))}</p>" if why else ""
    head = (
        f"<p>At {clock_utc(said.at)} UTC the judge said <b>{escape(str(said.body.get('verdict')))}</b>: "
        f"{escape(str(said.body.get('reason', '')))}</p>"
    )
    rows = evidence_rows(said.body)
    if not rows:
        return head
    heads = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return f'{head}<div class="wide"><table><tr>{heads}</tr>{lines}</table></div>'


def _timeline(case: Case) -> str:
    rows = "".join(
        f"<tr><td><time>{clock_utc(event.at)}</time></td>"
        f"<td>{escape('' if event.actor == 'ferryman' else event.actor)}</td><td>{escape(event.text)}</td></tr>"
        for event in case.timeline
    )
    return f'<div class="wide"><table class="log"><tr><th>At</th><th>Who</th><th>What</th></tr>{rows}</table></div>'


def _people(case: Case) -> str:
    if not case.people:
        return "<p>Nobody did anything: it all went by itself.</p>"
    items = "".join(
        f"<li><b>{escape(event.actor)}</b> at <time>{clock_utc(event.at)}</time>: {escape(event.text)}</li>"
        for event in case.people
    )
    return f"<ul>{items}</ul>"


def _checklist(case: Case) -> str:
    if not case.checklist:
        return "<p>It was not written down when this was released.</p>"
    rows = "".join(
        f'<tr><td><span class="stand {escape(str(item.get("stand", "")))}">'
        f"{escape(STANDS.get(str(item.get('stand')), str(item.get('stand'))))}</span></td>"
        f"<td>{escape(str(item.get('question', '')))}</td><td>{escape(str(item.get('saw', '')))}</td></tr>"
        for item in case.checklist
    )
    return f'<div class="wide"><table class="log">{rows}</table></div>'


def _questions() -> str:
    return '<ol class="open">' + "".join(f"<li>{escape(text)}<div></div></li>" for text in QUESTIONS) + "</ol>"
