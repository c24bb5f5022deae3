"""`--json`: an answer that programs read, and that never costs somebody a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.runs.making import notebook

ROOT = Path(__file__).resolve().parents[2]
ENV = os.environ | {"PYTHONPATH": str(ROOT / "src")}


def finops(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "helpers", *map(str, words)]
    return subprocess.run(command, cwd=folder, env=ENV, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("option", [("--json", "export.csv"), ("--json=export.csv",)])
def test_an_answer_is_not_written_over_an_export(tmp_path, option):
    (tmp_path / "export.csv").write_text("BilledCost\n1.00\n")
    done = finops(tmp_path, "ingest", *option)
    assert done.returncode == 2
    assert "would write over export.csv" in done.stderr
    assert (tmp_path / "export.csv").read_text() == "BilledCost\n1.00\n"


def test_an_earlier_answer_is_replaced(tmp_path):
    (tmp_path / "answer.json").write_text('{"old": 1}')
    assert finops(tmp_path, "report", "nope", "--json", "answer.json").returncode == 2
    assert json.loads((tmp_path / "answer.json").read_text())["error"] == "UsageError"


@pytest.mark.parametrize("target", ["absent/answer.json", "."])
def test_a_place_that_cannot_hold_an_answer_is_refused_before_the_work(tmp_path, target):
    made = notebook(tmp_path / "tiny.ipynb")
    done = finops(tmp_path, "report", made, "--to", "report", "--json", target)
    assert done.returncode == 2
    assert "no file that can be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "report").exists()


def test_the_screen_gets_json_and_nothing_else(tmp_path):
    made = notebook(tmp_path / "tiny.ipynb")
    done = finops(tmp_path, "report", made, "--json", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["notebook"] == "tiny"
    assert str(tmp_path / "reports" / "tiny" / "index.html") in done.stderr


def test_a_report_goes_to_a_folder_of_its_notebook_by_default(tmp_path):
    made = notebook(tmp_path / "tiny.ipynb")
    for _ in range(2):
        assert finops(tmp_path, "report", made).returncode == 0
    assert [p.name for p in (tmp_path / "reports").iterdir() if not p.name.startswith(".")] == ["tiny"]


def test_help_lists_the_notebooks(tmp_path):
    done = finops(tmp_path, "report", "--help")
    assert "practitioner_kpis" in done.stdout
    assert "finops report --help lists them" in finops(tmp_path, "report", "zzzz").stderr
