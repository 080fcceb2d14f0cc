"""The options of the commands below `ferry flags`, in the manner of `ferryman.cli.parser`."""

from __future__ import annotations

import argparse


def flag_code(parser: argparse.ArgumentParser) -> None:
    """Options of the commands that read code."""
    parser.add_argument("key", metavar="KEY", help="the flag")
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
