"""The options of every command, by argparse. Nothing here imports what a command needs to run."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from typing import NoReturn

from ferryman.cli import flag_options
from ferryman.cli.command import Command
from ferryman.cli.table import GROUPS
from ferryman.model.role import Role


class UsageFaultError(Exception):
    """What argparse has to say, caught before it prints or exits."""


class Parser(argparse.ArgumentParser):
    """argparse that raises instead of exiting, so that `main` tells the error as any other."""

    def error(self, message: str) -> NoReturn:
        raise UsageFaultError(f"{self.prog}: {message}")


def service(parser: argparse.ArgumentParser) -> None:
    """SERVICE, which may be left out where there is only one."""
    parser.add_argument("service", nargs="?", metavar="SERVICE", help="which service; not needed where there is one")


def reason(parser: argparse.ArgumentParser) -> None:
    """Why, for the log."""
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; kept in the log")


def release_file(parser: argparse.ArgumentParser) -> None:
    """The release file."""
    parser.add_argument("-f", "--file", metavar="FILE", help="the release file (ferryman.yaml); - is standard input")


def timeout(parser: argparse.ArgumentParser) -> None:
    """How long to wait at most."""
    parser.add_argument(
        "--timeout",
        metavar="DURATION",
        help="wait no longer than this (90s, 10m), then exit with 3; nothing is stopped",
    )


def wait(parser: argparse.ArgumentParser) -> None:
    """Whether to wait for what was set in motion."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("-w", "--watch", action="store_true", help="wait for the end (the default)")
    group.add_argument("--no-wait", action="store_true", help="return as soon as it is under way")
    timeout(parser)


def full(parser: argparse.ArgumentParser) -> None:
    """Everything at once."""
    parser.add_argument(
        "--full", action="store_true", help="skip all steps, holds and verdicts that are left, not health"
    )


def emergency(parser: argparse.ArgumentParser) -> None:
    """Past what holds everybody else."""
    parser.add_argument(
        "--emergency",
        action="store_true",
        help="past steps, approvals, verdicts, release windows and a freeze, not health or capacity; needs --reason",
    )


def every(parser: argparse.ArgumentParser) -> None:
    """All services."""
    parser.add_argument("--all", action="store_true", dest="every", help="all services of the project")


def freeze(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry freeze`."""
    parser.add_argument(
        "--until", metavar="WHEN", help="until it is lifted by itself: 2h, 18:00 or 2026-12-24T18:00 (local time)"
    )
    parser.add_argument("--rollback", action="store_true", help="take back what runs, too")


def init(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry init`."""
    parser.add_argument("--service", metavar="NAME", help="name of the service (the folder's)")
    parser.add_argument("--port", type=int, metavar="PORT", help="where users connect (8080, or the next free one)")
    parser.add_argument("--health", metavar="PATH", help="path that answers 2xx when an instance can serve (/healthz)")
    parser.add_argument("--replicas", type=int, default=2, metavar="N", help="how many instances (2)")
    parser.add_argument("--force", action="store_true", help="replace the file if there is one")
    parser.add_argument("command_words", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what starts an instance")


def spec(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry spec`."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--markdown", action="store_true", help="the reference as Markdown (default)")
    group.add_argument("--schema", action="store_true", help="the JSON Schema, for editors")
    group.add_argument("--example", metavar="NAME", help="an annotated release file")
    group.add_argument(
        "--settings", action="store_true", help="an annotated settings file of a controller (ferry.yaml)"
    )
    group.add_argument("--flags", action="store_true", help="an annotated flags file")
    group.add_argument("--list", action="store_true", dest="list_examples", help="the names of the examples")


def check(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry check`."""
    parser.add_argument(
        "about", nargs="?", metavar="SERVICE|FILE", help="a service as it runs, or a release file (ferryman.yaml)"
    )
    parser.add_argument("--traffic", metavar="RATE", help="requests per second to reckon with, such as 50/s")
    parser.add_argument("--error-rate", metavar="PERCENT", default="0.5%", help="errors of the stable version (0.5%%)")
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")


def simulate(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry simulate`."""
    parser.add_argument("release", nargs="?", metavar="RELEASE", help="the release file, as with -f")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same number, the same story (1)")
    parser.add_argument(
        "--fail",
        action="append",
        default=[],
        metavar="WHAT [WHEN]",
        help="what goes wrong with the new version: 'errors x5' (times those of the old one), 'errors 3%%' (of all "
        "requests), 'latency x3', 'crash' (its instances end, again and again) or 'never-ready'; from the beginning, or "
        "'at 25%%' (once so many users meet it) or 'after 30s'; may be given more than once",
    )
    parser.add_argument("--traffic", metavar="RATE", default="50/s", help="requests per second (50/s)")
    parser.add_argument("--error-rate", metavar="PERCENT", default="0.5%", help="errors of the old version (0.5%%)")
    parser.add_argument("--latency", metavar="DURATION", default="60ms", help="its median time to answer (60ms)")
    parser.add_argument(
        "--person",
        metavar="DURATION",
        default="30s",
        help="how soon a person promotes what waits for one (30s); 'never': nobody comes",
    )


def deploy(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry deploy`."""
    parser.add_argument("--over", action="store_true", help="take over from a rollout that began after you looked")


def watch(parser: argparse.ArgumentParser) -> None:
    """Whether to stay."""
    parser.add_argument("-w", "--watch", action="store_true", help="stay and show every change")
    timeout(parser)


def history(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry history`."""
    parser.add_argument("-n", "--limit", type=int, default=20, metavar="N", help="how many rollouts (20)")
    parser.add_argument("--after", default="", metavar="ROLLOUT", help="those older than this one: the next page")


def events(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry events`."""
    parser.add_argument("-f", "--follow", action="store_true", help="stay and show events as they come")
    parser.add_argument("-n", "--limit", type=int, default=50, metavar="N", help="how many of the last events (50)")
    parser.add_argument("--rollout", metavar="ID", help="of this rollout only")
    parser.add_argument("--verify", action="store_true", help="check the hash chain of the log instead")


def logs(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry logs`."""
    parser.add_argument("-f", "--follow", action="store_true", help="stay and show lines as they come")
    parser.add_argument("-n", "--lines", type=int, default=50, metavar="N", help="how many lines of each instance (50)")
    parser.add_argument("--instance", metavar="ID", help="of this instance only")
    parser.add_argument("--version", dest="label", metavar="LABEL", help="of instances of this version only")


def undo(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry undo`."""
    parser.add_argument("--to", metavar="VERSION", help="the version to go back to (the one before)")
    parser.add_argument("--with-steps", action="store_true", help="by the steps of its release, not at once")
    parser.add_argument("--force", action="store_true", help="also to a version that never was promoted")


def postmortem(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry postmortem`."""
    parser.add_argument("rollout", metavar="ROLLOUT", help="its id, as `ferry history` shows it")
    parser.add_argument(
        "--out",
        metavar="DIR|FILE|-",
        help="the folder for both files (here), one file ending in .html or .md, or - to print",
    )
    parser.add_argument("--format", choices=("html", "md"), help="only this one of the two")
    parser.add_argument("--done", metavar="URL", help="do not write: say that the post-mortem is there")


def drill(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry drill`."""
    parser.add_argument("--traffic", metavar="PERCENT", help="give it this share of the traffic for a while (none)")
    parser.add_argument("--hold", metavar="DURATION", default="10s", help="for so long (10s)")


def serve(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry serve`."""
    parser.add_argument(
        "--log-format", choices=("human", "json"), default="human", help="lines for people, or of JSON for programs"
    )
    parser.add_argument(
        "--trace", action="store_true", help="send a span of each duty of a loop by OTLP (needs the extra `otel`)"
    )
    parser.add_argument(
        "--listen",
        metavar="ADDRESS:PORT",
        help="where the API and the dashboard are (127.0.0.1:7300, or a free port); beyond loopback only with tokens or "
        "OIDC, and TLS",
    )
    parser.add_argument("--config", metavar="FILE", help="the settings file (ferry.yaml in the project folder)")
    parser.add_argument(
        "--insecure-http", action="store_true", help="listen beyond loopback without TLS, behind a proxy that has it"
    )
    parser.add_argument(
        "--flagd-port",
        type=int,
        metavar="PORT",
        help="evaluate flags for clients of flagd there, by gRPC on loopback (they expect 8013; needs the extra `flagd`)",
    )
    parser.add_argument(
        "--flagd-sync-port", type=int, metavar="PORT", help="send them whole flag sets there (they expect 8015)"
    )
    parser.add_argument(
        "--take-over", action="store_true", help="end a controller that is stopped or hangs, and go on in its place"
    )
    parser.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)


def session(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry session`."""
    parser.add_argument("action", choices=("list", "end"), help="show who is signed in, end one")
    parser.add_argument("which", nargs="?", metavar="SESSION", help="end: its id")


def login(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry login`."""
    parser.add_argument("target", nargs="?", metavar="URL", help="the controller: https://HOST:PORT")
    parser.add_argument("--forget", action="store_true", help="remove the token that is kept for it")


def audit(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry audit`."""
    parser.add_argument("--since", metavar="WHEN", help="from then on: 7d, 2h, 2026-11-01, 2026-11-01T10:00")
    parser.add_argument("--all", action="store_true", help="also what the controller did by itself")
    parser.add_argument("-n", "--limit", type=int, default=100, metavar="N", help="how many of the last lines (100)")
    parser.add_argument("--verify", action="store_true", help="recompute every hash chain instead")


def token(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry token`."""
    parser.add_argument("action", choices=("create", "list", "revoke"), help="make one, show all, take one out of use")
    parser.add_argument("which", nargs="?", metavar="TOKEN", help="revoke: its id, or a name that only one has")
    parser.add_argument("--name", metavar="NAME", help="create: who acts with it, for the log")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--role", choices=tuple(role.value for role in Role), help="create: what they may")
    kind.add_argument("--server", metavar="ENVIRONMENT", help="create: for programs that evaluate flags of it")
    kind.add_argument("--client", metavar="ENVIRONMENT", help="create: for pages and apps, where anybody can read it")
    parser.add_argument("--service", metavar="SERVICE", help="create: for this service only (all)")
    parser.add_argument(
        "--expires", metavar="DURATION", default="90d", help="create: how long it counts, or never (90d)"
    )


def down(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry down`."""
    parser.add_argument("--keep-controller", action="store_true", help="stop services only")
    timeout(parser)


def judge(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry judge`."""
    parser.add_argument("--state", metavar="FILE", help="keep the judge's state here and go on from it")


def notify(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry notify`."""
    parser.add_argument("action", choices=("list", "test", "rotate-key"), help="what to do")
    parser.add_argument("channel", nargs="?", metavar="CHANNEL", help="which channel, for test")


def demo(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry demo`."""
    parser.add_argument("--keep", action="store_true", help="leave the shop running at the end")
    parser.add_argument("--folder", metavar="DIR", help="where to put the demo's project (a new temporary folder)")
    parser.add_argument("--flags", action="store_true", help="changes reach users by feature flags, not by deploying")


def completion(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry completion`."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="for which shell")


ADDS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    add.__name__: add
    for add in (
        service,
        reason,
        release_file,
        timeout,
        wait,
        full,
        emergency,
        every,
        freeze,
        init,
        spec,
        check,
        simulate,
        deploy,
        watch,
        history,
        events,
        logs,
        undo,
        drill,
        postmortem,
        serve,
        audit,
        login,
        session,
        token,
        down,
        judge,
        notify,
        demo,
        completion,
        *flag_options.ALL,
    )
}


def _everywhere(parser: argparse.ArgumentParser, *, first: bool) -> None:
    """Options that stand before or after the command; after it they count only when given."""

    def default(value: object) -> object:
        return value if first else argparse.SUPPRESS

    group = parser.add_argument_group("everywhere")
    group.add_argument("--project", metavar="DIR", default=default(None), help="the project folder (the nearest above)")
    group.add_argument(
        "--url", metavar="URL", default=default(None), help="the controller there, by a token (FERRY_URL)"
    )
    group.add_argument(
        "--ca-file", metavar="FILE", default=default(None), help="trust these certificates for it too (FERRY_CA_FILE)"
    )
    group.add_argument("--json", action="store_true", default=default(False), help="answer in JSON on standard output")
    group.add_argument("-q", "--quiet", action="store_true", default=default(False), help="leave out remarks")
    group.add_argument("--actor", metavar="NAME", default=default(None), help="who asks, for the log (your user name)")


def build() -> Parser:
    """The whole parser."""
    parser = Parser(prog="ferry", allow_abbrev=False, add_help=False)
    parser.add_argument("-h", "--help", action="store_true", help="show the commands")
    parser.add_argument("--version", action="store_true", help="show the version")
    _everywhere(parser, first=True)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for _, group in GROUPS:
        for command in group:
            one = commands.add_parser(command.name, help=command.summary, allow_abbrev=False)
            _describe(one, command)
            if command.under:
                _add_below(one, command)
    return parser


def _add_below(parser: Parser, command: Command) -> None:
    below = parser.add_subparsers(metavar="COMMAND", title="commands", parser_class=Parser)
    for each in command.under:
        name = each.name.removeprefix(f"{command.name} ")
        one = below.add_parser(name, help=each.summary, allow_abbrev=False)
        one.set_defaults(command=each.name)
        _describe(one, each)


def _describe(one: Parser, command: Command) -> None:
    examples = "\n".join(("examples:", *(f"  {line}" for line in command.examples))) if command.examples else ""
    one.description = textwrap.fill(f"{command.summary[0].upper()}{command.summary[1:]}. {command.text}".strip(), 80)
    one.epilog = examples
    one.formatter_class = argparse.RawDescriptionHelpFormatter
    add_options(one, command)
    _everywhere(one, first=False)


def add_options(parser: argparse.ArgumentParser, command: Command) -> None:
    """The options of one command."""
    for name in command.adds:
        ADDS[name](parser)
