"""The board: one frame of the live picture of a service. A pure function of the view and the width."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ferryman.cli.views import compare
from ferryman.cli.views.evidence import Evidence, read_evidence
from ferryman.cli.views.marks import ASCII, CANDIDATE_STYLE, STABLE_STYLE, UNICODE, Mark, Signs, bar
from ferryman.cli.views.text import clock, duration, shorten, weight
from ferryman.cli.views.words import cause, current_step, doing, frozen, going_back, remaining, running, state, then
from ferryman.model.view import RolloutView, ServiceView, SideView

EVENTS_SHOWN = 4
WIDTH_MIN = 40
NARROW_CELLS, WIDE_CELLS = 56, 74
"""With fewer cells than the first inside the frame columns have no room to spare; from the second on there is room for
the judge's intervals."""
BORDER_CELLS = 4
ASKED_SLACK_PERCENT = 0.6
"""The share that is served may lie so far from the one that was asked for without a word."""

BORDER_LINES = 2
TABLE_LINES = 8
"""Of the table, beyond the one that every part has."""

NAME_CELLS = 8
STATE_MARKS = {
    "HEALTHY": Mark.OK,
    "PAUSED": Mark.WARN,
    "STARTING": Mark.WARN,
    "EMPTY": Mark.WARN,
    "DOWN": Mark.WARN,
    "DEGRADED": Mark.BAD,
    "ROLLING BACK": Mark.BAD,
    "FAILED": Mark.BAD,
}


def dashboard(
    view: ServiceView, width: int = 80, *, height: int | None = None, ascii_only: bool = False
) -> RenderableType:
    """The picture of `view`, `width` cells wide (at least 40). How many lines it has hangs on the situation, not on the
    figures. With `height` it leaves out events, and if need be the rules between its parts and a row, to have no more lines."""
    width = max(width, WIDTH_MIN)
    signs = ASCII if ascii_only else UNICODE
    inner = width - BORDER_CELLS
    sections = _sections(view, inner, signs)
    used = _lines(sections, view, TABLE_LINES) + len(sections) - 1
    if height is not None and used - (len(sections) - 1) > height:
        sections = _sections(view, inner, signs, lean=True)
        used = _lines(sections, view, TABLE_LINES - 1) + len(sections) - 1
    room = EVENTS_SHOWN + 1 if height is None else height - used
    if view.recent and room > 1:
        sections.append(_events(view, inner, min(EVENTS_SHOWN, room - 1), signs))
    parts = sections[0]
    for section in sections[1:]:
        parts += [*([_line(signs)] if room >= 0 else []), *section]
    return Panel(
        Group(*parts),
        title=_title(view, signs),
        title_align="left",
        subtitle=Text(view.url or "", style="dim"),
        subtitle_align="right",
        box=box.ASCII if ascii_only else box.ROUNDED,
        border_style=STATE_MARKS[state(view)].value,
        width=width,
    )


def _lines(sections: list[list[RenderableType]], view: ServiceView, table_lines: int) -> int:
    return BORDER_LINES + sum(len(section) for section in sections) + table_lines * bool(view.sides)


def _sections(view: ServiceView, inner: int, signs: Signs, *, lean: bool = False) -> list[list[RenderableType]]:
    """All but the events; every renderable is one line, but the table."""
    rollout = view.rollout
    evidence = read_evidence(rollout.evidence) if rollout is not None and running(rollout) else None
    top: list[RenderableType] = [_split(view, inner, signs)]
    if rollout is not None and running(rollout):
        top += [_progress(view, rollout, signs), _steps(rollout, inner, signs)]
    sections = [top]
    if any(compare.sides_shown(view.sides)):
        sections.append([_table(view, evidence, inner, signs, lean=lean)])
    if rollout is not None and running(rollout) and rollout.track != "back" and rollout.stable is not None:
        sections.append(_judge(rollout, evidence, inner, signs))
    sections.append(_status(view, inner, signs, lean=lean))
    return sections


def _line(signs: Signs) -> Rule:
    return Rule(style="dim", characters="-" if signs is ASCII else "─")


def _title(view: ServiceView, signs: Signs) -> Text:
    rollout = view.rollout
    title = Text(f" {view.service} ", style="bold")
    if rollout is not None and running(rollout):
        what = (
            rollout.strategy if rollout.kind in ("deploy", rollout.strategy) else f"{rollout.kind}, {rollout.strategy}"
        )
        title.append(f"{what}: ", style="not bold")
        title.append(rollout.stable or "nothing", style=STABLE_STYLE)
        title.append(f" {signs.arrow} ")
        title.append(rollout.candidate, style=CANDIDATE_STYLE)
        title.append(" ")
    elif view.serving:
        title.append(view.serving, style=STABLE_STYLE).append(" ")
    return title


def _split(view: ServiceView, inner: int, signs: Signs) -> Text:
    """Who gets how much, as it is served."""
    left, right = compare.sides_shown(view.sides)
    shares = [(side, side.weight_seen) for side in (left, right) if side is not None]
    total = sum(share for _, share in shares)
    if not total:
        return Text("no traffic is routed" if view.url else "no traffic: instances only", style="dim")
    first = _share(left) if left is not None else Text("")
    last = _share(right) if right is not None and right.weight_seen else Text("")
    gaps = sum(part.cell_len > 0 for part in (first, last))
    room = max(10, inner - first.cell_len - last.cell_len - gaps)
    stable = round(room * (left.weight_seen if left is not None else 0.0) / total)
    if left is not None and right is not None and left.weight_seen and right.weight_seen:
        stable = min(room - 1, max(1, stable))
    middle = Text(signs.stable * stable, style=STABLE_STYLE)
    middle.append(signs.candidate * (room - stable), style=CANDIDATE_STYLE)
    return Text(" ").join(part for part in (first, middle, last) if part.cell_len)


def _share(side: SideView) -> Text:
    style = CANDIDATE_STYLE if side.role == "candidate" else STABLE_STYLE
    text = Text(f"{side.label} {weight(round(side.weight_seen, 1))}", style=style)
    if abs(side.weight_asked - side.weight_seen) > ASKED_SLACK_PERCENT:
        text.append(f" of {weight(round(side.weight_asked, 1))} asked", style="dim")
    return text


def _progress(view: ServiceView, rollout: RolloutView, signs: Signs) -> Text:
    step = current_step(rollout)
    word = "Back" if going_back(rollout) else "Step"
    text = Text(f"{word} {min(rollout.step + 1, len(rollout.steps))}/{len(rollout.steps)}", style="bold")
    if step is not None:
        text.append(f" {step.name}", style="not bold")
    text.append(f"  {doing(view)}", style="not bold")
    left = remaining(view)
    if left is not None:
        text.append(f"  {'at most ' if rollout.phase == 'analysing' else ''}{duration(left)} remaining")
    if rollout.eta_seconds:
        text.append(f"  ETA {duration(rollout.eta_seconds)}", style="dim")
    if rollout.attempt > 1:
        text.append(f"  attempt {rollout.attempt}", style="dim")
    return _one_line(text, signs)


def _steps(rollout: RolloutView, inner: int, signs: Signs) -> Text:
    """The steps in a row; where they are too many, those around the present one."""
    chips = [
        {
            "done": Text(f"{signs.done} {step.name}", style="green"),
            "current": Text(f"{signs.here} {step.name}", style="bold"),
        }.get(step.state, Text(f"{signs.ahead} {step.name}", style="dim"))
        for step in rollout.steps
    ]
    first, last = 0, len(chips)
    here = min(rollout.step, max(0, len(chips) - 1))
    while sum(chip.cell_len + 2 for chip in chips[first:last]) > inner and last - first > 1:
        if here - first > 1 or last - 1 == here:
            first += 1
        else:
            last -= 1
    return _one_line(Text("  ").join(chips[first:last]), signs)


def _table(view: ServiceView, evidence: Evidence | None, inner: int, signs: Signs, *, lean: bool) -> Table:
    left, right = compare.sides_shown(view.sides)
    narrow, wide = inner < NARROW_CELLS, inner >= WIDE_CELLS
    table = Table.grid(padding=(0, 1 if narrow else 2), expand=False)
    table.add_column(min_width=0 if narrow else 12, no_wrap=True)
    shown = [side for side in (left, right) if side is not None]
    for _ in shown:
        table.add_column(justify="right", min_width=0 if narrow else 13, no_wrap=True)
    table.add_column(justify="right", min_width=0 if narrow else 8, no_wrap=True)
    table.add_column(width=1)
    if wide:
        table.add_column(no_wrap=True)
    heads = [
        Text(
            side.label if narrow else f"{side.label} {side.role}",
            style=CANDIDATE_STYLE if side.role == "candidate" else STABLE_STYLE,
        )
        for side in shown
    ]
    compared = left is not None and right is not None and right.role == "candidate"
    tail = [Text("between" if compared and evidence is not None else "", style="dim")] if wide else []
    table.add_row(Text(""), *heads, Text("delta" if compared else "", style="dim"), Text(""), *tail)
    failed = view.rollout is not None and view.rollout.verdict == "fail"
    for row in compare.rows(left, right, evidence, failed=failed):
        if lean and row.name == "Latency p99":
            continue
        texts = [text for side, text in ((left, row.left), (right, row.right)) if side is not None]
        name = row.name.replace("Latency ", "") if narrow else row.name
        table.add_row(name, *texts, row.delta, signs.of(row.mark), *([Text(row.interval, style="dim")] if wide else []))
    return table


def _judge(rollout: RolloutView, evidence: Evidence | None, inner: int, signs: Signs) -> list[RenderableType]:
    """The judge's word and how far the evidence has come, on two lines."""
    verdict = rollout.verdict or "not asked yet"
    style = {"pass": "green", "fail": "bold red", "error": "yellow", "insufficient": "yellow"}.get(verdict, "")
    reason = shorten(rollout.verdict_reason, inner - NAME_CELLS - len(verdict) - 2, signs.more)
    said = _named("Judge", Text(verdict, style=style).append(f"  {reason}", style="dim"), signs)
    line = Text(" " * NAME_CELLS)
    cells = max(3, (inner - NAME_CELLS - 36) // 2)
    if evidence is not None and evidence.harm is not None:
        line.append("harm ").append_text(bar(evidence.harm, cells, "red", signs))
        line.append(_of(evidence.harm_log, evidence.harm_limit), style="dim")
    if evidence is not None and evidence.passing is not None:
        line.append("  proof ").append_text(bar(evidence.passing, cells, "green", signs))
        line.append(_of(evidence.passing_log, evidence.passing_limit), style="dim")
    return [said, _one_line(line, signs)]


def _of(value: float | None, limit: float | None) -> str:
    return f" {max(0.0, value or 0.0):.1f}/{limit or 0.0:.1f}"


def _status(view: ServiceView, inner: int, signs: Signs, *, lean: bool) -> list[RenderableType]:
    word = state(view)
    mark = STATE_MARKS[word]
    status = Text(word, style=f"bold {mark.value}").append(" ").append_text(signs.of(mark))
    room = inner - NAME_CELLS
    if view.trouble:
        status.append(f"  {shorten(view.trouble, room - len(word) - 4, signs.more)}")
    lines: list[RenderableType] = [_named("Status", status, signs)]
    if held := frozen(view):
        lines.append(_named("Frozen", Text(shorten(held.removeprefix("frozen "), room, signs.more)), signs))
    if view.unheard and not lean:
        lines.append(_named("Unheard", Text(shorten("; ".join(view.unheard), room, signs.more), style="yellow"), signs))
    rollout = view.rollout
    if rollout is None:
        return lines
    if not running(rollout):
        said = f"{rollout.candidate} {doing(view)}" + (f": {rollout.reason}" if rollout.reason else "")
        return [*lines, _named("Last", Text(shorten(said, room, signs.more)), signs)]
    if going_back(rollout):
        for number, part in enumerate(_halves(cause(rollout), room, signs)):
            lines.append(_named("" if number else "Because", Text(part), signs))
    lines.append(_named("Now", Text(shorten(rollout.waiting_for, room, signs.more)), signs))
    lines.append(_named("Next", Text(shorten(then(view), room, signs.more)), signs))
    if rollout.held and not lean:
        lines.append(_named("Held", Text(shorten(rollout.held, room, signs.more)), signs))
    return lines


def _halves(text: str, room: int, signs: Signs) -> tuple[str, str]:
    """Two lines, always."""
    line = " ".join(text.split())
    cut = line.rfind(" ", 0, room + 1) if len(line) > room else len(line)
    cut = cut if cut > 0 else room
    return line[:cut], shorten(line[cut:], room, signs.more)


def _named(name: str, text: Text, signs: Signs) -> Text:
    return _one_line(Text(f"{name:<{NAME_CELLS}}", style="dim").append_text(text), signs)


def _one_line(text: Text, signs: Signs) -> Text:
    text.no_wrap, text.overflow = True, "crop" if signs is ASCII else "ellipsis"
    return text


def _events(view: ServiceView, inner: int, number: int, signs: Signs) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for event in view.recent[-number:]:
        who = "" if event.actor == "ferryman" else f"{event.actor}: "
        text = Text(f"{clock(event.at)} ", style="dim")
        lines.append(text.append(shorten(f"{who}{event.text}", inner - text.cell_len, signs.more), style="not dim"))
    return lines
