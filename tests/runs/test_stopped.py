"""A run that is stopped from outside, and runs that want one folder at the same moment."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from tests.runs.making import notebook

from helpers.runs import report
from helpers.terms.errors import Refused, RunFailed, UsageError

ROOT = Path(__file__).resolve().parents[2]
ENV = os.environ | {"PYTHONPATH": str(ROOT / "src")}
SLEEPER = """
import pathlib, subprocess, sys, time
sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
pathlib.Path(data, "pid").write_text(str(sleeper.pid))
time.sleep(120)
"""


def alive(pid: int) -> bool:
    """Whether a process runs: one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(true, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_takes_all_it_started_along(tmp_path, number):
    report.make(notebook(tmp_path / "tiny.ipynb"), tmp_path / "report", {"month": "2026-01"})
    before = {p.name: p.read_bytes() for p in (tmp_path / "report").iterdir()}
    made = notebook(tmp_path / "long.ipynb", SLEEPER)
    command = [sys.executable, "-m", "helpers", "report", str(made), "--data", str(tmp_path), "--to", str(tmp_path / "report")]  # fmt: skip
    usual = partial(signal.signal, number, signal.SIG_DFL)  # a shell's background job ignores interrupts
    run = subprocess.Popen(
        command, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=usual
    )
    pid = tmp_path / "pid"
    assert until(lambda: pid.is_file() and pid.read_text() != "")
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 5
    assert "stopped by you; nothing was changed" in said
    assert "Traceback" not in said
    assert until(lambda: not alive(int(pid.read_text())))
    assert {p.name: p.read_bytes() for p in (tmp_path / "report").iterdir()} == before
    assert {p.name for p in tmp_path.iterdir()} == {"report", "tiny.ipynb", "long.ipynb", "pid"}


def _enter(folder: Path, times: int, start) -> None:
    entered = 0
    start.wait(60)
    while entered < times:
        try:
            with report._alone(folder / "report"):
                (folder / "inside").open("x").close()  # fails where somebody is in already
                (folder / "inside").unlink()
                entered += 1
        except Refused:
            continue


@pytest.mark.skipif(not hasattr(os, "fork"), reason="runs side by side are forked")
def test_one_folder_is_never_two_runs_at_once(tmp_path):
    """A lock file that is deleted after its release may be the next run's: two runs were inside at once."""
    ways = multiprocessing.get_context("fork")  # nothing but files in them; they are there at once
    start = ways.Barrier(4)
    runs = [ways.Process(target=_enter, args=(tmp_path, 200, start)) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert [run.exitcode for run in runs] == [0, 0, 0, 0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("cell", "said"),
    [("input('?')", "EOFError"), ("held = bytearray(10**15)", "it ran out of memory")],
)
def test_a_cell_that_asks_or_takes_too_much_stops_with_a_word(tmp_path, cell, said):
    with pytest.raises(RunFailed, match=said):
        report.make(notebook(tmp_path / "odd.ipynb", cell), tmp_path / "report", {})
    (kept,) = (tmp_path / "report.failed").iterdir()
    lines = (kept / "error.txt").read_text("utf-8").splitlines()
    assert said in lines[0]
    assert lines[-1] == json.loads((kept / "error.json").read_text())["remedy"]


def test_words_that_the_store_does_not_know_leave_nothing_behind(tmp_path, larkspur):
    made = notebook(
        tmp_path / "tiny.ipynb", "from helpers.runs import begin\nbegin('x', data=data, month=month)"
    )
    with pytest.raises(UsageError, match="no charges of 2031-01"):
        report.make(made, tmp_path / "report", {"data": str(larkspur), "month": "2031-01"})
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.ipynb"]
