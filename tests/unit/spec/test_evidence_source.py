"""`source` of an analysis: what is read, and what is refused with its place."""

from __future__ import annotations

import pytest

from ferryman.model.evidence_source import PrometheusServer, PrometheusSource
from ferryman.model.secret import Secret
from ferryman.spec.document import load
from ferryman.spec.evidence_source import EVIDENCE_SOURCE
from ferryman.spec.kinds import read
from ferryman.spec.report import Report

GOOD = """\
prometheus:
  url: https://metrics.example.com:9090/prom
  token: {env: METRICS_TOKEN}
  requests: 'http_requests_total{flag="{{flag}}",variant="{{variant}}"}'
  errors: 'http_requests_total{flag="{{flag}}",variant="{{variant}}",code=~"5.."}'
  duration: 'http_request_duration_seconds_bucket{variant="{{ variant }}"}'
"""


def given(text: str) -> tuple[object, list[str]]:
    report = Report("ferryman.yaml")
    value = read(EVIDENCE_SOURCE, load(text, report), "", report)
    assert all(problem.hint for problem in report.problems())
    return value, [f"{p.line}:{p.column} {p.path} {p.code}" for p in report.problems()]


def test_a_source_with_everything() -> None:
    source, problems = given(GOOD)
    assert problems == []
    assert isinstance(source, PrometheusSource)
    assert source.server == PrometheusServer("https://metrics.example.com:9090/prom", Secret(env="METRICS_TOKEN"))
    assert source.errors.endswith('code=~"5.."}')


def test_the_least() -> None:
    source, _ = given(
        'prometheus: {url: "http://[::1]:9090", requests: a{r="{{revision}}"}, errors: b{r="{{revision}}"}}'
    )
    assert source is not None
    text = "prometheus:\n  url: http://[::1]:9090\n  user: ana\n  password: {file: prom}\n"
    text += "  requests: 'a{r=\"{{revision}}\"}'\n  errors: 'b{r=\"{{revision}}\"}'\n"
    source, problems = given(text)
    assert problems == []
    server = PrometheusServer("http://[::1]:9090", None, "ana", Secret(file="prom"))
    assert source == PrometheusSource(server, 'a{r="{{revision}}"}', 'b{r="{{revision}}"}')


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("https://metrics", "file://metrics", "2:8 prometheus.url not_allowed"),
        ("https://metrics", "https://me:secret@metrics", "2:8 prometheus.url not_allowed"),
        ("/prom", "/prom?x=1", "2:8 prometheus.url not_allowed"),
        ("{env: METRICS_TOKEN}", "s3cret", "3:10 prometheus.token not_allowed"),
        ('"{{ variant }}"', "{{variant}}", "6:13 prometheus.duration not_allowed"),
        ('"{{ variant }}"', "`{{variant}}`", "6:13 prometheus.duration not_allowed"),
        ('"{{ variant }}"', '"{{varant}}"', "6:13 prometheus.duration not_allowed"),
        ('"{{ variant }}"', '"{{variant}}', "6:13 prometheus.duration not_allowed"),
        ('"{{ variant }}"', '"on"', "6:13 prometheus.duration not_allowed"),
        ("  errors:", "  erors:", "5:3 prometheus.erors unknown_field"),
        ("  token:", "  user: ana\n  token:", "2:3 prometheus.password missing"),
    ],
)
def test_what_is_refused(old: str, new: str, told: str) -> None:
    assert old in GOOD
    _, problems = given(GOOD.replace(old, new))
    assert told in problems


def test_a_secret_is_never_shown() -> None:
    report = Report("ferryman.yaml")
    read(EVIDENCE_SOURCE, load(GOOD.replace("{env: METRICS_TOKEN}", "hunter2"), report), "", report)
    assert "hunter2" not in str([str(problem) for problem in report.problems()])


def test_something_must_be_named() -> None:
    assert given("{}")[1] == ["1:1  missing"]
