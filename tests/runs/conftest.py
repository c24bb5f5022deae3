"""One report of the sample company for all tests that only read it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def report_of_september(larkspur, tmp_path_factory) -> Path:
    """``finops report practitioner_kpis -p month=2026-09`` on the sample company. Read only."""
    to = tmp_path_factory.mktemp("september") / "report"
    words = ["report", "practitioner_kpis", "-p", "month=2026-09", "--data", str(larkspur), "--to", str(to)]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "helpers", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(to / "index.html")
    return to
