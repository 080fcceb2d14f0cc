"""The options of the commands below `ferry flags`, in the manner of `ferryman.cli.parser`."""

from __future__ import annotations

import argparse


def flag_code(parser: argparse.ArgumentParser) -> None:
    """Options of the commands that read code."""
    parser.add_argument("key", metavar="KEY", help="the flag")
    flag_sources(parser)


def flag_stale(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry flags stale`."""
    parser.add_argument("--env", metavar="ENVIRONMENT", default="prod", help="the environment that counts (prod)")


def flag_sources(parser: argparse.ArgumentParser) -> None:
    """Which code, and what in it asks for flags."""
    parser.add_argument(
        "--path", action="append", metavar="PATH", help="a file or folder to look in (the project folder); may repeat"
    )
    parser.add_argument(
        "--call",
        action="append",
        default=[],
        metavar="NAME",
        help="a function of yours that takes a key first; may repeat",
    )


def flag_remove(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry flags remove`."""
    parser.add_argument(
        "--value",
        required=True,
        metavar="VALUE",
        help="what the flag is from now on: true, false, a number, a text, JSON",
    )
    parser.add_argument(
        "--write", action="store_true", help="change the files; without it the difference is only shown"
    )


def flag_import(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry flags import`."""
    parser.add_argument("export", metavar="FILE", help="the export, in JSON; - is standard input")
    parser.add_argument(
        "--from",
        dest="system",
        choices=("launchdarkly", "unleash", "split", "optimizely", "flagd"),
        help="whose export it is (told from its form)",
    )
    parser.add_argument(
        "--environment", metavar="NAME", default="production", help="the environment there, if the export has several"
    )
    parser.add_argument("--owner", metavar="NAME", default="unknown", help="who owns release flags (unknown)")
    parser.add_argument("--expires", metavar="DATE", help="when release flags should be gone (in 90 days)")
    parser.add_argument(
        "--into",
        metavar="NAME",
        action="append",
        help="the environment here where what is off there is off (prod); may repeat",
    )


def flag_environment(parser: argparse.ArgumentParser) -> None:
    """Which environment."""
    parser.add_argument(
        "--env", action="append", metavar="ENVIRONMENT", help="the environment (prod); commands with a FILE: may repeat"
    )


def flag_board(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry flags board`."""
    parser.add_argument("--stale", action="store_true", help="only flags that have done their work")


def flag_key(parser: argparse.ArgumentParser) -> None:
    """Which flag."""
    parser.add_argument("key", metavar="KEY", help="the flag")


def flags_file(parser: argparse.ArgumentParser) -> None:
    """The flags file."""
    parser.add_argument("flags_file", metavar="FILE", help="the flags file; - is standard input")


def flag_rebucket(parser: argparse.ArgumentParser) -> None:
    """The word that lets users move."""
    parser.add_argument("--rebucket", action="store_true", help="also when users who are exposed would change")


def flag_dry_run(parser: argparse.ArgumentParser) -> None:
    """Only look."""
    parser.add_argument("--dry-run", action="store_true", help="show who would notice, and write nothing")


def flag_rollout(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry flags rollout`."""
    parser.add_argument("percent", nargs="?", metavar="PERCENT", help="of the users who are exposed")
    parser.add_argument("--state", choices=("enabled", "disabled"), help="disabled: programs take their own default")


def flag_revert(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry flags revert`."""
    parser.add_argument(
        "back_to", nargs="?", type=int, metavar="VERSION", help="as it was in this one (the one before)"
    )


def flag_diff(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry flags diff`."""
    parser.add_argument("--from", dest="from_version", type=int, metavar="VERSION", help="the earlier one")
    parser.add_argument("--to", dest="to_version", type=int, metavar="VERSION", help="the later one (the newest)")


def flag_user(parser: argparse.ArgumentParser) -> None:
    """For whom."""
    parser.add_argument("--user", metavar="USER", help="the targetingKey")
    parser.add_argument(
        "-c", "--context", action="append", default=[], metavar="NAME=VALUE",
        help="an attribute, its value JSON or a text; dots lead into objects; may repeat",
    )  # fmt: skip


def flag_export(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry flags export`."""
    parser.add_argument(
        "--format", choices=("flagd", "yaml"), default="flagd", help="flagd JSON (default), or a flags file"
    )


def flag_lint(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry flags lint`."""
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")
    parser.add_argument(
        "--compat",
        action="append",
        choices=("launchdarkly", "unleash", "configcat"),
        help="also what clients of this system are not sent; may repeat",
    )


def flag_request(parser: argparse.ArgumentParser) -> None:
    """Which request."""
    parser.add_argument(
        "request", nargs="?", type=int, metavar="REQUEST", help="its number; not needed where there is one"
    )


def flag_requests(parser: argparse.ArgumentParser) -> None:
    """Options of `ferry flags requests`."""
    parser.add_argument("--all", action="store_true", dest="every", help="also those that ended")


ALL = (
    flag_board,
    flag_request,
    flag_requests,
    flag_code,
    flag_remove,
    flag_import,
    flag_environment,
    flag_key,
    flags_file,
    flag_rebucket,
    flag_dry_run,
    flag_rollout,
    flag_revert,
    flag_diff,
    flag_user,
    flag_export,
    flag_lint,
    flag_sources,
    flag_stale,
)
"""What `ferryman.cli.parser` adds to its own."""
