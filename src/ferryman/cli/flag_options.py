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
