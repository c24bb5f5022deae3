"""A run that fails says so, keeps what it did, and leaves the earlier report as it was (lines 19 to 21, 27)."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from tests.runs.making import FINISH, notebook

from helpers.runs import report
from helpers.terms.errors import NotReconciled, Refused, RunFailed, UsageError

ROOT = Path(__file__).resolve().parents[2]
ENV = os.environ | {"PYTHONPATH": str(ROOT / "src")}
SECRET = "hunter2hunter2"
FILES = (
    FINISH.replace("{", "{{")
    .replace("}", "}}")
    .replace('"tables": {{}}', '"tables": {{}}, "files": {{"{name}": "policies: []"}}')
)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory) -> Path:
    """An earlier report of a tiny notebook."""
    folder = tmp_path_factory.mktemp("earlier")
    report.make(notebook(folder / "tiny.ipynb", "print(month)"), folder / "report", {"month": "2026-01"})
    return folder / "report"


@pytest.fixture
def place(tmp_path, earlier) -> Path:
    """A folder of its own that holds the earlier report."""
    shutil.copytree(earlier, tmp_path / "report")
    return tmp_path / "report"


# A fork is made only where no thread of DuckDB or Arrow would be lost in it, so not in the tests' own process.
FORKING = """
import pickle, sys
from helpers.runs import report
from helpers.terms.errors import KitError

assert report._may_fork()
try:
    report.make(*pickle.load(sys.stdin.buffer))
except KitError as problem:
    pickle.dump(problem, sys.stdout.buffer)
"""


def forked(path: Path, place: Path, given: dict[str, str]) -> None:
    """`report.make` in a process that may fork; what it raises is raised here too."""
    words = pickle.dumps((path, place, given))
    done = subprocess.run(
        [sys.executable, "-c", FORKING], env=ENV, input=words, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    if done.stdout:
        raise pickle.loads(done.stdout)


@pytest.fixture(params=["forked", "started"])
def make(request, monkeypatch):
    """Both ways to get a child, each as `report.make`."""
    if request.param == "forked":
        return forked
    monkeypatch.setattr(report, "_may_fork", lambda: False)
    return report.make


def failure(place: Path) -> tuple[dict, Any, str]:
    """Record, notebook and log of the one failure beside `place`."""
    (kept,) = place.with_name(f"{place.name}.failed").iterdir()
    record = json.loads((kept / "error.json").read_text("utf-8"))
    return record, nbformat.read(kept / "notebook.ipynb", as_version=4), (kept / "log.txt").read_text("utf-8")


def states(book: Any) -> list[str]:
    return [c["metadata"]["papermill"]["status"] for c in book["cells"] if c["cell_type"] == "code"]


def test_a_run_replaces_the_earlier_report_as_a_whole(make, tmp_path, place):
    before = contents(place)
    make(notebook(tmp_path / "tiny.ipynb", "print(month)"), place, {"month": "2026-02"})
    after = contents(place)
    assert after.keys() == before.keys() == set(report.FILES)
    assert json.loads(after["results.json"])["month"] == "2026-02"
    assert {p.name for p in tmp_path.iterdir()} == {"report", "tiny.ipynb"}


def test_a_failing_cell_leaves_the_earlier_report_and_a_record(make, tmp_path, place):
    before = contents(place)
    made = notebook(tmp_path / "bad.ipynb", "print('got here')", "1 / 0", "print('never')")
    with pytest.raises(RunFailed) as failed:
        make(made, place, {})
    assert contents(place) == before
    record, book, _ = failure(place)
    assert record["status"] == "failed"
    assert record["notebook"] == "bad"
    assert "ZeroDivisionError: division by zero" in record["error"]
    stopped = book.cells[record["cell"]]
    assert stopped.source == "1 / 0"
    assert [o.output_type for o in stopped.outputs] == ["error"]
    assert book.cells[record["cell"] - 1].outputs[0].text == "got here\n"
    assert "failed" in states(book)
    assert states(book)[-1] == "pending"
    said = str(failed.value)
    assert "division by zero" in said
    assert "remedy" in said
    assert "Traceback" not in said
    assert failed.value.code == 5


def test_a_refusal_inside_a_cell_keeps_its_words_and_code(make, tmp_path, place):
    before = contents(place)
    raised = (
        "from helpers.terms.errors import NotReconciled\n"
        "raise NotReconciled('2 cents too much', 'none', 'finops check', file='a.csv', row=7, column='BilledCost')"
    )
    with pytest.raises(NotReconciled) as refused:
        make(notebook(tmp_path / "bad.ipynb", raised), place, {})
    problem = refused.value
    assert (problem.found, problem.needed, problem.remedy) == ("2 cents too much", "none", "finops check")
    assert (problem.file, problem.row, problem.column) == ("a.csv", 7, "BilledCost")
    assert problem.code == 3
    assert contents(place) == before


@pytest.mark.parametrize(
    ("cell", "options", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", {}, "SIGKILL"),
        ("import faulthandler, os; faulthandler.disable(); os.kill(os.getpid(), 11)", {}, "SIGSEGV"),
        ("import os; os._exit(0)", {}, "ended with 0 and left no word"),
        ("import time; time.sleep(60)", {"timeout": 6}, "longer than 6 s"),
        (
            "held = bytearray(900_000_000); import time; time.sleep(60)",
            {"memory": 600_000_000},
            "more than 600 MB",
        ),
        ("import sys; sys.exit(0)", {}, "without results"),
        ("raise KeyboardInterrupt", {}, "KeyboardInterrupt"),
    ],
    ids=["killed", "crash", "silent exit", "timeout", "memory", "sys.exit", "interrupt"],
)
def test_a_process_that_ends_is_a_failure_with_its_cell(tmp_path, place, cell, options, said):
    before = contents(place)
    with pytest.raises(RunFailed, match=said):
        report.make(notebook(tmp_path / "bad.ipynb", "x = 1", cell, "never = 1"), place, {}, **options)
    assert contents(place) == before
    record, book, _ = failure(place)
    assert record["status"] == "failed"
    failed = [c for c in book["cells"] if c["metadata"].get("papermill", {}).get("status") == "failed"]
    assert [c["source"] for c in failed] == [cell]
    assert states(book)[-1] == "pending"


def test_a_notebook_without_results_is_a_failure(tmp_path, place):
    before = contents(place)
    with pytest.raises(RunFailed, match="without results"):
        report.make(notebook(tmp_path / "bad.ipynb", "x = 1", finish=False), place, {})
    assert contents(place) == before


def test_what_carries_decisions_out_stands_in_a_folder_of_its_own(tmp_path, place):
    made = notebook(tmp_path / "tiny.ipynb", FILES.format(name="schedules.yml"), finish=False)
    manifest = report.make(made, place, {"month": "2026-02"})
    assert (place / "files" / "schedules.yml").read_text("utf-8") == "policies: []"
    assert manifest["files"]["files/schedules.yml"]["bytes"] == 12
    report.make(made, place, {"month": "2026-03"})  # a report with files is replaced like any other
    assert json.loads((place / "results.json").read_text())["month"] == "2026-03"


@pytest.mark.parametrize("name", ["../out.yml", "UPPER.yml", "a b.yml", ".hidden", "none", "x" * 90 + ".yml"])
def test_a_file_among_the_results_has_a_plain_name(tmp_path, place, name):
    before = contents(place)
    made = notebook(tmp_path / "tiny.ipynb", FILES.format(name=name), finish=False)
    with pytest.raises(RunFailed, match="a plain name"):
        report.make(made, place, {})
    assert contents(place) == before
    assert not list(tmp_path.rglob("out.yml"))


def test_secrets_and_paths_stay_off_the_screen_and_the_record(tmp_path, place):
    cell = f"import os\nprint('password={SECRET}')\nraise ValueError('https://me:{SECRET}@host/x?token={SECRET}')"
    made = notebook(tmp_path / "bad.ipynb", cell)
    code = (
        "import sys; from helpers.__main__ import main; "
        f"main(['report', {str(made)!r}, '--to', {str(place)!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENV, capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert SECRET not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert str(ROOT) not in done.stderr
    assert sys.prefix not in done.stderr
    (kept,) = place.with_name("report.failed").iterdir()
    for name in ("log.txt", "error.json", "error.txt", "notebook.ipynb"):
        assert SECRET not in (kept / name).read_text("utf-8"), name


def test_two_runs_to_one_folder_the_second_is_told_who_holds_it(tmp_path, place):
    slow = notebook(tmp_path / "slow.ipynb", "import time; time.sleep(3)")
    first = threading.Thread(target=lambda: report.make(slow, place, {"month": "2026-03"}))
    first.start()
    while not (place.parent / ".report.holder").is_file():
        time.sleep(0.02)
    with pytest.raises(Refused, match=f"another run is writing this report .process {os.getpid()}, since 20"):
        report.make(slow, place, {"month": "2026-04"})
    first.join()
    assert json.loads((place / "results.json").read_text())["month"] == "2026-03"


@pytest.mark.parametrize("foreign", ["letter.txt", "results.json", "index.html"])
def test_a_folder_of_others_is_refused_untouched(tmp_path, foreign):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / foreign).write_text("mine")
    with pytest.raises(Refused, match="the folder holds"):
        report.make(notebook(tmp_path / "tiny.ipynb"), folder, {})
    assert contents(folder) == {foreign: b"mine"}


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "report").write_text("mine")
    with pytest.raises(Refused, match="holds report"):
        report.make(notebook(tmp_path / "tiny.ipynb"), tmp_path / "report", {})
    assert (tmp_path / "report").read_text() == "mine"


def test_an_empty_folder_and_folders_that_are_not_there_are_taken(tmp_path):
    made = notebook(tmp_path / "tiny.ipynb")
    (tmp_path / "empty").mkdir()
    for to in (tmp_path / "empty", tmp_path / "deep" / "er"):
        report.make(made, to, {})
        assert contents(to).keys() == set(report.FILES)


def test_an_unknown_parameter_or_notebook_starts_nothing(tmp_path, place):
    before = contents(place)
    made = notebook(tmp_path / "tiny.ipynb")
    with pytest.raises(UsageError, match="did you mean month"):
        report.make(made, place, {"mnth": "2026-09"})
    with pytest.raises(UsageError):
        report.make("practitioner_kpi", place, {})
    assert contents(place) == before
    assert {p.name for p in tmp_path.iterdir()} == {"report", "tiny.ipynb"}


def test_a_value_is_text_in_the_notebook_whatever_it_holds(tmp_path):
    value = "a'\"\\ {month} $(id) =1+1 #"
    made = notebook(tmp_path / "tiny.ipynb", "month = data")
    report.make(made, tmp_path / "report", {"data": value})
    assert json.loads((tmp_path / "report" / "results.json").read_text())["month"] == value


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_full_disk_leaves_the_earlier_report(tmp_path, earlier):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=False, capture_output=True
    ).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    try:
        shutil.copytree(earlier, disk / "report")
        before = contents(disk / "report")
        made = notebook(tmp_path / "big.ipynb", "import random\nprint(random.randbytes(3_000_000).hex())")
        with pytest.raises((RunFailed, Refused), match="No space left"):
            report.make(made, disk / "report", {})
        assert contents(disk / "report") == before
        report.make(notebook(tmp_path / "tiny.ipynb"), disk / "report", {"month": "2026-05"})
        assert json.loads((disk / "report" / "results.json").read_text())["month"] == "2026-05"
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_read_only_target_is_refused(tmp_path, earlier):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=False, capture_output=True
    ).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    try:
        shutil.copytree(earlier, disk / "report")
        before = contents(disk / "report")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(Refused, match="cannot write there: Read-only"):
            report.make(notebook(tmp_path / "tiny.ipynb"), disk / "report", {})
        assert contents(disk / "report") == before
    finally:
        subprocess.run(["umount", disk], check=True)


def _kills(tmp_path: Path, place: Path, times: int, seed: int) -> int:
    """Kill a run with -9 at random moments; how many times the new report stood already."""
    chance = random.Random(seed)
    made = notebook(tmp_path / "tiny.ipynb", "print(month)")
    code = "import sys; from helpers.__main__ import main; main(['report', *sys.argv[1:]])"
    month, new = "2026-01", 0
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", code, made, "--to", tmp_path / "timed"],
        env=ENV,
        check=True,
        capture_output=True,
    )
    whole = time.monotonic() - started
    for number in range(times):
        asked = f"20{30 + number // 12}-{1 + number % 12:02}"
        run = subprocess.Popen(
            [sys.executable, "-c", code, made, "-p", f"month={asked}", "--to", place],
            env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        # half of the kills fall into the end, where the files are written and the folders change places
        time.sleep(whole * (chance.uniform(0.75, 1.1) if number % 2 else chance.uniform(0.1, 1.0)))
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert contents(place).keys() == set(report.FILES)
        found = json.loads((place / "results.json").read_text())["month"]
        assert found in (month, asked)
        manifest = json.loads((place / "manifest.json").read_text())
        assert manifest["parameters"]["resolved"]["month"] in (found, "")
        new += found == asked
        month = found
    for _ in range(200):  # a child may outlive its killed parent for a moment
        try:
            report.make(made, place, {"month": "2099-01"})
            break
        except Refused:
            time.sleep(0.1)
    assert json.loads((place / "results.json").read_text())["month"] == "2099-01"
    left = {p.name for p in tmp_path.iterdir() if p.name != "timed"}
    assert left == {"report", "tiny.ipynb"}
    return new


def test_killed_at_ten_random_moments(tmp_path, place):
    _kills(tmp_path, place, 10, seed=1)


@pytest.mark.slow
def test_killed_at_fifty_random_moments(tmp_path, place):
    _kills(tmp_path, place, 50, seed=2)
