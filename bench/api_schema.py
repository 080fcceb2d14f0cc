"""Schemathesis over the whole description of the API, long and from several seeds: known and unknown callers, all phases.

    python bench/api_schema.py [--seconds 120] [--seeds 3]

The suite does the same for less than a minute (tests/e2e/test_api_schema.py). What is left out, and why, is said in
tests/described.py.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from _table import Row, show

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from described import NOT_ASKED, NOT_CHECKED, PHASES, Described


def main() -> int:
    """Examine and print; 1 when anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="of each run")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="ferryman-schema-") as folder, Described(Path(folder)) as api:
        for seed in range(1, args.seeds + 1):
            for known in (False, True):
                found = api.examine(known=known, seconds=args.seconds, seed=seed)
                print(found, file=sys.stderr)
                who = "an admin" if known else "nobody"
                rows.append(Row(f"seed {seed}, asked by {who}", found[:40] or "nothing", "nothing", not found))
        rows.append(Row("the service in the end", "healthy" if api.project.view().healthy else "not healthy"))
    rows += [Row(f"left out: {name}", why) for name, why in {**NOT_ASKED, **NOT_CHECKED}.items()]
    return 0 if show(f"what Schemathesis finds in {args.seconds} s ({PHASES})", rows) else 1


if __name__ == "__main__":
    sys.exit(main())
