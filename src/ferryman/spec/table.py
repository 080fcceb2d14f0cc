"""Every key of a release file, once: parsing, JSON Schema and reference are all made from this table."""

from __future__ import annotations

import re

from ferryman.analysis.registry import JUDGES
from ferryman.model.checklist import QUESTIONS
from ferryman.spec.calendar_table import WINDOWS
from ferryman.spec.evidence_source import EVIDENCE_SOURCE
from ferryman.spec.gate_table import APPROVALS, OneObject
from ferryman.spec.judge_options import check_options
from ferryman.spec.kinds import Choice, Duration, Flag, Number, Percent, Text, Whole, items
from ferryman.spec.shapes import Environment, Free, Given, Key, Keys, ListOf, Switch, homes
from ferryman.spec.special import HTTP_PATH, TESTER, Address, Command, InsidePath, Sticky
from ferryman.spec.strategy_table import KINDS, StrategyKind

SERVICE_PATTERN = r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?"
RESERVED_VARIABLES = ("PORT",)


def service_name(text: str) -> str:
    """The service name nearest to `text`; empty when nothing is left of it."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:40].strip("-")


def _service_hint(text: str) -> str:
    near = service_name(text)
    return f"did you mean `{near}`?" if near else "write a short name, such as shop"


def _secret_name_hint(text: str) -> str:
    return "names only: the value is read from the controller's environment" if "=" in text else ""


SERVICE = Text(
    label="name",
    pattern=SERVICE_PATTERN,
    rule="lower case letters, digits and dashes, at most 40, no dash at either end",
    most=200,
    suggest=_service_hint,
)
VERSION = Text(label="text", pattern=r"[A-Za-z0-9][A-Za-z0-9._+-]*", rule="letters, digits and . _ + -", most=60)
# A wrong one may hold a secret by mistake, so its text is never shown.
SECRET = Text(
    label="name", pattern=r"[A-Za-z_][A-Za-z0-9_]*", rule="letters, digits, underscores", suggest=_secret_name_hint,
    most=200, hidden=True,
)  # fmt: skip


def _run(given: Given) -> object:
    env = given.values.get("env")
    for name in items(given.values.get("secrets")):
        if name in RESERVED_VARIABLES or str(name).startswith("FERRYMAN_"):
            given.wrong("secrets", "not_allowed", f"`{name}` is set by Ferryman", "each instance gets its own value")
        if isinstance(env, dict) and name in env:
            message = f"`{name}` stands in `env` and in `secrets`"
            given.wrong("secrets", "exclusive", message, "keep it in `secrets` if nobody should read it here")
    return given.values


RUN = Keys(
    title="Run",
    doc=(
        "What an instance is. Each gets PORT, FERRYMAN_REVISION and FERRYMAN_INSTANCE in its environment; `{port}` in the "
        "command stands for the port too."
    ),
    keys=(
        Key(
            "command", Command(), "The program to start and its arguments. No shell runs it.", "command", required=True
        ),
        Key("directory", Text(label="path", most=1000), "Where it runs, seen from the release file.", "directory", "."),
        Key("env", Environment(RESERVED_VARIABLES), "Variables for it.", "env", {}),
        Key(
            "secrets",
            ListOf(SECRET),
            "Names of variables taken from the controller's environment at each start; values are never stored.",
            "secrets",
            [],
        ),
        Key(
            "files",
            ListOf(InsidePath()),
            "Files and folders copied at deploy, so that going back brings these very files back.",
            "files",
            [],
        ),
        Key("stopTimeout", Duration(), "From the polite signal to stop to the one that kills.", "stop_seconds", "10s"),
    ),
    build=_run,
)

HEALTH = Keys(
    title="Health",
    doc="How an instance shows that it can take traffic. Needed when the service has traffic.",
    keys=(
        Key("http", HTTP_PATH, "Path that answers 2xx.", "health_http_path"),
        Key("tcp", Flag(), "`true`: a connection to the port is enough.", "health_tcp"),
        Key(
            "interval", Duration(above=True, most=3600.0), "Time between two looks.", "health_interval_seconds", "500ms"
        ),
        Key(
            "timeout",
            Duration(above=True, most=3600.0),
            "No answer in this time is a bad one.",
            "health_timeout_seconds",
            "1s",
        ),
        Key("minReady", Duration(), "Ready this long without a break counts as available.", "min_ready_seconds", "5s"),
    ),
    exclusive=(("http",), ("tcp",)),
)


def _traffic(given: Given) -> object:
    values = dict(given.values)
    values.setdefault("routing.router", "envoy")
    if values["routing.router"] == "none":
        for name in ("port", "previewPort", "sticky", "testers"):
            if given.has(name):
                message = f"`{name}` needs a router, and `router` is none"
                given.wrong(name, "exclusive", message, f"delete `{name}`, or write `router: envoy`")
    elif given.lacks("port"):
        given.missing("port", "`port` is missing", "name the port where users connect, such as 8080")
    if given.has("previewPort") and values.get("routing.preview_port") == values.get("routing.port", 0):
        given.wrong(
            "previewPort", "exclusive", "`previewPort` and `port` are the same", "give the preview another port"
        )
    return values


TRAFFIC = Keys(
    title="Traffic",
    doc="Who sees what. Left out, the service is a worker without traffic.",
    keys=(
        Key("port", Whole(1, 65_535), "Port where users connect. Needed with a router.", "routing.port"),
        Key("host", Address(), "Address to listen on.", "routing.host", "127.0.0.1"),
        Key("previewPort", Whole(1, 65_535), "Port where only the candidate answers.", "routing.preview_port"),
        Key("sticky", Sticky(), "What keeps a user on one side while weights grow.", "routing.sticky_key"),
        Key("testers", ListOf(TESTER), "Requests that meet the candidate whatever its weight.", "routing.testers", []),
        Key(
            "router",
            Choice(("envoy", "none")),
            "`envoy` is started by Ferryman; with `none` the number of instances is all that is steered.",
            "routing.router",
            "envoy",
        ),
        Key(
            "drainTimeout",
            Duration(most=86_400.0),
            "Time for requests in flight to end before an instance stops.",
            "drain_timeout_seconds",
            "30s",
        ),
    ),
    build=_traffic,
)

LIMITS = Keys(
    title="Limits",
    doc=(
        "Absolute limits for the time when no old version serves beside the new one (bake). If the old version was worse "
        "in its last seconds with users, its own figures times 1.5 (errors) or 1.25 (p95) count instead."
    ),
    keys=(
        Key("errors", Percent(), "More failed requests than this is a fail.", "analysis.limits.error_percent", "5%"),
        Key(
            "p95",
            Duration(above=True, most=3600.0, per_second=1000.0),
            "A slower 95th percentile is a fail.",
            "analysis.limits.p95_ms",
        ),
        Key("minSamples", Whole(1, 10_000_000), "Requests needed to say anything.", "analysis.limits.min_samples", 50),
    ),
)

ANALYSIS = Keys(
    title="Analysis",
    doc="How evidence is weighed. `analysis: false` turns it off: then only health and checks take a release back.",
    keys=(
        Key("enabled", Flag(), "Whether evidence is weighed at all.", "analysis.enabled", True),
        Key("judge", Choice(tuple(JUDGES)), "Which judge compares the versions.", "analysis.judge", "betting"),
        Key("options", Free(), "[Options of the judge](#options-of-the-judges).", "analysis.options", {}),
        Key(
            "interval", Duration(least=0.1, most=3600.0), "Time between two looks at the evidence.",
            "analysis.interval_seconds", "1s",
        ),
        Key(
            "maxWaitFactor",
            Number("factor", 1.0, 1000.0),
            "This many times its hold a step waits for a verdict; then it is inconclusive.",
            "analysis.max_wait_factor",
            3,
        ),
        Key("minWait", Duration(), "It waits at least this long.", "analysis.min_wait_seconds", "60s"),
        Key("onFail", Choice(("rollback", "pause")), "When the new version is worse.", "analysis.on_fail", "rollback"),
        Key(
            "onInconclusive", Choice(("pause", "rollback")), "When the evidence does not decide.",
            "analysis.on_inconclusive", "pause",
        ),
        Key(
            "onInsufficient",
            Choice(("extend", "hold", "pass", "fail")),
            "When there are too few requests; `extend` waits, then pauses.",
            "analysis.on_insufficient",
            "extend",
        ),
        Key("onError", Choice(("pause", "rollback")), "When no evidence can be had for too long.", "analysis.on_error", "pause"),
        Key("limits", LIMITS, "Absolute limits for the time when no old version serves beside the new one."),
        Key("source", OneObject(EVIDENCE_SOURCE), "Who counts what users meet. Left out: the proxy, or the programs that ask a flag.", "analysis.source"),
    ),
    build=check_options,
)  # fmt: skip

DEADLINES = Keys(
    title="Deadlines",
    doc="What happens when nothing moves.",
    keys=(
        Key(
            "progress", Duration(above=True), "Longest time without progress, pauses and holds apart.",
            "deadlines.progress_seconds", "10m",
        ),
        Key(
            "onDeadline", Choice(("rollback", "pause", "report")), "What happens then.",
            "deadlines.on_deadline", "rollback",
        ),
        Key(
            "abortScaleDown", Duration(words={"immediately": 0.0}), "How long a candidate stays up after it was taken back.",
            "deadlines.abort_scale_down_seconds", "30s",
        ),
        Key(
            "providerTimeout", Duration(above=True),
            "How long the source of evidence may be silent before the weight is lowered. Left out: 3m at up to 5 %, else 1m.",
            "deadlines.provider_timeout_seconds",
        ),
    ),
)  # fmt: skip

CAPACITY = Keys(
    title="Capacity",
    doc="How much of the needed capacity must be ready before traffic moves.",
    keys=(
        Key(
            "floor",
            Number("number", 0.01, 1.0),
            "A version gets a share of the traffic only with this part of the share's instances ready.",
            "capacity_floor",
            1.0,
        ),
    ),
)

CHECKLIST = Keys(
    title="Checklist",
    doc="What `ferry check` shows, and what must hold here.",
    keys=(
        Key(
            "require", ListOf(Choice(tuple(QUESTIONS))),
            "Items that must pass or not apply. Those of before and after are asked when it is deployed (after: of the "
            "release before), those of during at every step that users meet.",
            "checklist", [],
        ),
    ),
)  # fmt: skip

STRATEGY = Keys(title="Strategy", doc="How the change reaches users: one of these, or its bare name.", keys=KINDS)

ROOT = Keys(
    title="Release file",
    doc="One file says what a service is and how a change to it reaches users.",
    keys=(
        Key("service", SERVICE, "Name of the service.", "service", required=True),
        Key("version", VERSION, "Name of this version, for people. Left out: r and a number.", "label"),
        Key("run", RUN, "What to run. Every strategy but `flag` needs it."),
        Key("replicas", Whole(1), "Instances wanted.", "replicas", 1),
        Key("health", HEALTH, "When an instance is ready."),
        Key("traffic", TRAFFIC, "Where users connect."),
        Key("strategy", StrategyKind(), "How the change reaches users.", "strategy", "canary"),
        Key("analysis", Switch(ANALYSIS, "analysis.enabled"), "How evidence is weighed."),
        Key("approvals", APPROVALS, "Who must agree, and when."),
        Key(
            "risk",
            Choice(("normal", "high")),
            "How risky this release is; `high` waits for off-hours.",
            "risk",
            "normal",
        ),
        Key("windows", OneObject(WINDOWS), "When more users may meet it.", "windows"),
        Key("deadlines", DEADLINES, "What happens when nothing moves."),
        Key("capacity", CAPACITY, "Capacity needed before traffic moves."),
        Key("checklist", CHECKLIST, CHECKLIST.doc),
        Key("undoWindow", Whole(0, 100), "Releases back to which `ferry undo` goes without steps.", "undo_window", 3),
    ),
)

HOMES = homes(ROOT, STRATEGY)
