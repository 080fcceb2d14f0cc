"""`mann-whitney`: one-minute points of the stage, in the manner of Kayenta's judge (Netflix and Google, Apache-2.0).

A metric is High when the confidence interval of the shift lies above a tolerance around no shift; the score is the part
of the metrics that is not. It takes minutes as independent, and missing data as a failure, as the original does: without
traffic it rolls back. Its authors want at least 50 points.
"""

from __future__ import annotations

from statistics import fmean, quantiles
from typing import Any

import msgspec

from ferryman.analysis.judge import Finding
from ferryman.analysis.options import HeaderError, Option, did_you_mean, option_problems, option_values
from ferryman.analysis.ranks import shift_interval
from ferryman.analysis.window import EVENT_FIGURE, FIGURES, Window
from ferryman.model.evidence import Block, Gap, Header, Verdict

TOLERANCE = 0.25
MINUTE_SECONDS = 60.0
# The newest five hours; the state has a bound.
POINTS_MAX = 300
WANTED_POINTS = 50
# Two samples of one value each have no spread: so much of it is lent to them, as Kayenta does with random noise.
LENT_SPREAD = 1e-5

OPTIONS = {
    "when": Option(
        default="stage-end",
        kind="choice",
        choices=("stage-end", "each-minute"),
        about="once on the whole stage, or every full minute from min_points on",
    ),
    "min_points": Option(default=5, low=2, high=POINTS_MAX, about="first look, in minutes, with each-minute"),
    "confidence": Option(default=0.98, low=0.5, high=0.9999, about="of the interval of the shift"),
    "pass_score": Option(default=95, low=0, high=100, about="from this score on: pass"),
    "marginal_score": Option(default=75, low=0, high=100, about="below this score: fail; between the two: wait"),
    "metrics": Option(
        default={"error_rate": {}, "p95_ms": {}, "p99_ms": {}},
        kind="table",
        about=f"figures and how each is judged; figures are {', '.join(FIGURES)} and events.NAME",
    ),
}
METRIC_OPTIONS = {
    "direction": Option(
        default="increase", kind="choice", choices=("increase", "decrease", "either"), about="what is a deviation"
    ),
    "nan": Option(default="remove", kind="choice", choices=("remove", "replace"), about="minutes without data"),
    "outliers": Option(default="keep", kind="choice", choices=("keep", "remove"), about="far-off points"),
    "outlier_factor": Option(
        default=3.0, low=0.0, high=100.0, about="interquartile ranges beyond which a point is far"
    ),
    "allowed_increase": Option(default=1.0, low=0.0, high=1e6, about="High needs a ratio of means of at least this"),
    "allowed_decrease": Option(default=1.0, low=0.0, high=1e6, about="Low needs a ratio of means of at most this"),
    "critical": Option(default="no", kind="choice", choices=("no", "yes"), about="a deviation of it fails everything"),
    "must_have_data": Option(
        default="no", kind="choice", choices=("no", "yes"), about="without data it counts as failed"
    ),
    "muted": Option(default="no", kind="choice", choices=("no", "yes"), about="shown, not counted"),
}


class Metric(msgspec.Struct, frozen=True, array_like=True):
    """One figure and how it is judged; see `METRIC_OPTIONS`."""

    figure: str
    direction: str
    nan: str
    outliers: str
    outlier_factor: float
    allowed_increase: float
    allowed_decrease: float
    critical: str
    must_have_data: str
    muted: str


class Point(msgspec.Struct, array_like=True):
    """One minute of one metric; None without data."""

    stable: float | None
    candidate: float | None


class Result(msgspec.Struct, array_like=True):
    """What became of a metric: `label` pass, high, low, nodata or error."""

    label: str
    low: float | None = None
    high: float | None = None
    estimate: float | None = None
    ratio: float | None = None


class State(msgspec.Struct, array_like=True):
    """`points` per metric, of this stage; `results` and `score` are those of the last look."""

    bounds: tuple[float, ...]
    each_minute: bool
    min_points: float
    confidence: float
    pass_score: float
    marginal_score: float
    metrics: tuple[Metric, ...]
    points: list[list[Point]]
    stage: int = -1
    stage_t: float = 0.0
    open: Window = msgspec.field(default_factory=Window)
    over: bool = False
    verdict: Verdict = Verdict.CONTINUE
    reason: str = "collecting"
    results: list[Result] = []
    score: float | None = None


class MannWhitney:
    """See the module."""

    name = "mann-whitney"
    options = OPTIONS
    state_type = State

    def start(self, header: Header) -> State:
        values = option_values(OPTIONS, header.spec)
        metrics = tuple(_metric(name, given) for name, given in values["metrics"].items())
        if not metrics:
            raise HeaderError("option 'metrics' is empty", "name at least one figure")
        return State(
            header.bounds_ms,
            values["when"] == "each-minute",
            values["min_points"],
            values["confidence"],
            values["pass_score"],
            values["marginal_score"],
            metrics,
            [[] for _ in metrics],
        )

    def observe(self, state: State, block: Block) -> Finding:
        if not 0.0 < block.weight_percent < 100.0:
            return Finding(Verdict.INSUFFICIENT, f"at weight {block.weight_percent:g} there is no concurrent control")
        if block.stage != state.stage or block.stage_t < state.stage_t:
            state.stage, state.points, state.open = block.stage, [[] for _ in state.metrics], Window()
            state.verdict, state.reason, state.over = Verdict.CONTINUE, "collecting", False
        state.stage_t = block.stage_t
        state.over = state.over or block.stage_end
        state.open.add(block)
        full_minute = state.open.seconds >= MINUTE_SECONDS
        if full_minute:
            for metric, points in zip(state.metrics, state.points, strict=True):
                figures = (arm.figure(metric.figure, state.bounds) for arm in (state.open.stable, state.open.candidate))
                points.append(Point(*figures))
                del points[:-POINTS_MAX]
            state.open = Window()
        # After the planned end, a stage that was not decided is looked at again as it grows.
        grown = full_minute and (state.each_minute or state.over) and len(state.points[0]) >= state.min_points
        if block.stage_end or (grown and state.verdict in (Verdict.CONTINUE, Verdict.PASS)):
            self._look(state)
        return Finding(state.verdict, state.reason)

    def _look(self, state: State) -> None:
        state.results = [
            classify(points, metric, state.confidence)
            for metric, points in zip(state.metrics, state.points, strict=True)
        ]
        state.score = score(state.results, state.metrics)
        counted = ", ".join(
            f"{metric.figure} {result.label}" for metric, result in zip(state.metrics, state.results, strict=True)
        )
        minutes = len(state.points[0])
        few = f", {WANTED_POINTS} are wanted" if minutes < WANTED_POINTS else ""
        state.reason = f"score {state.score:.0f} of {minutes} minutes{few}: {counted}"
        if state.score >= state.pass_score:
            state.verdict = Verdict.PASS if state.over else Verdict.CONTINUE
        else:
            state.verdict = Verdict.CONTINUE if state.score >= state.marginal_score else Verdict.FAIL

    def silent(self, state: State, gap: Gap) -> Finding:
        return Finding(Verdict.ERROR, f"no data: {gap.error}")

    def record(self, state: State, *, full: bool) -> dict[str, Any]:
        if not full:
            return {}
        metrics = {
            metric.figure: {
                "label": result.label,
                "interval": None if result.low is None else [result.low, result.high],
                "estimate": result.estimate,
                "ratio": result.ratio,
            }
            for metric, result in zip(state.metrics, state.results, strict=False)
        }
        return {"score": state.score, "points": len(state.points[0]), "metrics": metrics}


def _metric(name: str, given: object) -> Metric:
    """A metric from its entry. Raises `HeaderError`."""
    if name not in FIGURES and not EVENT_FIGURE.fullmatch(name):
        meant = did_you_mean(name, FIGURES)
        raise HeaderError(
            f"option 'metrics' names an unknown figure {name!r}",
            f"did you mean {meant!r}?" if meant else f"figures are {', '.join(FIGURES)} and events.NAME",
        )
    table: dict[str, Any] = (
        msgspec.convert(given or {}, dict[str, Any]) if isinstance(given, dict | None) else {"": given}
    )
    table = {
        key: {True: "yes", False: "no"}[value] if isinstance(value, bool) else value for key, value in table.items()
    }
    for problem in option_problems(f"mann-whitney, metric {name}", METRIC_OPTIONS, table):
        raise HeaderError(problem.message, problem.hint)
    return Metric(name, **option_values(METRIC_OPTIONS, table))


def classify(points: list[Point], metric: Metric, confidence: float) -> Result:
    """Judge one metric: High iff the interval's lower end exceeds a quarter of the estimate and the means agree."""
    stable = _sample([point.stable for point in points], metric)
    candidate = _sample([point.candidate for point in points], metric)
    if not stable or not candidate:
        return Result("nodata")
    ratio = fmean(candidate) / fmean(stable) if fmean(stable) and fmean(candidate) else None
    if sorted(stable) == sorted(candidate):
        return Result("pass", ratio=ratio)
    if len(set(stable)) == 1 and len(set(candidate)) == 1:
        stable, candidate = _lend_spread(stable), _lend_spread(candidate)
    shift = shift_interval(candidate, stable, confidence)
    if shift is None:
        return Result("error", ratio=ratio)
    band, label = TOLERANCE * abs(shift.estimate), "pass"
    if metric.direction != "decrease" and shift.low > band and (ratio is None or ratio >= metric.allowed_increase):
        label = "high"
    elif metric.direction != "increase" and shift.high < -band and (ratio is None or ratio <= metric.allowed_decrease):
        label = "low"
    return Result(label, shift.low, shift.high, shift.estimate, ratio)


def _sample(values: list[float | None], metric: Metric) -> list[float]:
    known = [value for value in values if value is not None]
    if metric.nan == "replace":
        known = [value or 0.0 for value in values]
    if metric.outliers == "remove" and len(known) >= 2:
        first, _, third = quantiles(known, n=4, method="inclusive")
        reach = metric.outlier_factor * (third - first)
        known = [value for value in known if first - reach <= value <= third + reach]
    return known


def _lend_spread(sample: list[float]) -> list[float]:
    step = abs(sample[0]) * LENT_SPREAD
    return [value + step * ((index + 0.5) / len(sample) - 0.5) for index, value in enumerate(sample)]


def score(results: list[Result], metrics: tuple[Metric, ...]) -> float:
    """100 times pass over (pass, high, low and failing nodata); 0 when half of the metrics have no data or a critical
    one deviates; 100 when nothing counts."""
    counted = [(result.label, metric) for result, metric in zip(results, metrics, strict=True) if metric.muted == "no"]
    labels = [label for label, _ in counted]
    if counted and labels.count("nodata") * 2 >= len(counted):
        return 0.0
    failed = [
        metric
        for label, metric in counted
        if label in ("high", "low") or (label == "nodata" and metric.must_have_data == "yes")
    ]
    if any(metric.critical == "yes" for metric in failed):
        return 0.0
    total = labels.count("pass") + len(failed)
    return 100.0 * labels.count("pass") / total if total else 100.0
