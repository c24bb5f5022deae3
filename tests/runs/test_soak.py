"""The soak of benchmarks/soak.py, for seconds instead of minutes: it runs, it counts, and nothing is wrong or left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from tests.conftest import ROOT


@pytest.mark.slow
def test_a_short_soak_leaves_nothing_behind(larkspur, tmp_path):
    out = tmp_path / "soak.json"
    words = [
        "--data",
        str(larkspur),
        "--minutes",
        "0.75",
        "--openings",
        "700",
        "--neighbours",
        "1",
        "--out",
        str(out),
    ]
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "soak.py"), *words],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(out.read_text())
    assert found["done"]["wrong"] == 0
    assert found["openings"] >= 100
    assert found["growth"]["processes"]["growth"] == 0
    assert found["growth"]["files"]["growth"] <= 8
    assert found["growth"]["pss_mib"]["growth"] < 150
