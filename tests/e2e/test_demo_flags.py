"""`ferry demo --flags`, whole: a good flag reaches everybody, a bad one is taken back, and no request fails but by it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ferryman.spec.flags import parse_flags

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.mark.deadline(420)
def test_the_demo_of_flags_ends_as_it_says(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "ferryman", "--json", "demo", "--flags", "--folder", str(tmp_path / "demo")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["ok"] is True
    assert said["client_failures"] == 0
    good, bad = said["flags"]
    assert (good["flag"], good["outcome"], good["max_exposure_percent"]) == ("new-checkout", "promoted", 100.0)
    assert (bad["flag"], bad["outcome"]) == ("one-click", "rolled_back")
    assert bad["max_exposure_percent"] <= 50.0
    assert 0 < bad["met_users"] < good["met_users"] <= 2000
    assert 0 < bad["met_errors"] < bad["met_requests"]
    assert 0 <= bad["off_seconds"] < 10
    assert set(parse_flags((tmp_path / "demo" / "flags.yaml").read_text(), "flags.yaml").defined.flags) == {
        "new-checkout",
        "one-click",
    }
    assert (tmp_path / "demo" / "shop.token").stat().st_mode & 0o777 == 0o600
    left = [p.pid for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(p.info["cmdline"] or ())]
    assert left == []
