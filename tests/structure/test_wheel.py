"""The wheel is enough: installed into an empty folder, it makes the sample company's report there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_wheel_makes_a_report_in_an_empty_folder(tmp_path):
    def run(*command, cwd=tmp_path, **env):
        done = subprocess.run(
            command, cwd=cwd, env=os.environ | env, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    python = sys.executable
    run(python, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(ROOT))
    wheel = next((tmp_path / "dist").glob("*.whl"))
    site = tmp_path / "site"
    run(python, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), str(wheel))
    folder = tmp_path / "empty"
    folder.mkdir()

    def finops(*words):
        return run(python, "-m", "helpers", *words, cwd=folder, PYTHONPATH=str(site))

    where = run(python, "-c", "import helpers; print(helpers.__file__)", cwd=folder, PYTHONPATH=str(site))
    assert Path(where.strip()).is_relative_to(site), "the installed wheel is what is tested"
    finops("sample", "--to", "sample")
    for delivery in sorted(p for p in (folder / "sample").iterdir() if p.name.startswith("2026-10")):
        finops("ingest", str(delivery), "--to", "store")
    finops("report", "practitioner_kpis", "--data", "store", "-p", "month=2026-09", "--to", "report")
    results = json.loads((folder / "report" / "results.json").read_text())
    assert results["month"] == "2026-09"
    assert "<h1>" in (folder / "report" / "index.html").read_text()
