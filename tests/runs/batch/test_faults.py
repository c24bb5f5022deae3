"""Whatever ends a batch, and whenever: nothing twice, nothing half, and the ledger is right."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.runs.batch.making import ENV, events, manifest, plan_file, run, started, states, tiny

from helpers.runs import report as reports
from helpers.runs.batch import ledger, plan, running, work
from helpers.terms.errors import Refused

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills and looks into /proc")

COUNTED = """
import os, time
with open(os.environ["RUNS"], "a") as runs:
    runs.write(f"{team} {os.getpid()}\\n")
time.sleep(float(os.environ.get("NAP", "0")))
"""


def until(true, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(true())


def ours(folder: Path) -> list[int]:
    """Processes of batches over this folder that run."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                environ = (process / "environ").read_bytes()
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if str(folder).encode() in environ and state != "Z" and int(process.name) != os.getpid():
                found.append(int(process.name))
    return found


def right(folder: Path, done: int | None = None) -> None:
    """The ledger says what is there: each report whole, its run in exactly one line, no run in two."""
    runs = Counter(e["run"] for e in events(folder, "done", "found"))
    assert not [r for r, count in runs.items() if count > 1]
    last = ledger.latest(folder / "reports/.batch/ledger.jsonl")
    places = [p.parent for p in (folder / "reports").glob("2*/*/manifest.json") if p.parent.name[0] != "."]
    for place in places:
        assert {p.name for p in place.iterdir()} == set(reports.FILES)
        found = manifest(place)
        assert not work.missing(place, found)
        if done is not None:
            assert last[f"{place.parent.name}/{place.name}"]["run"] == found["run"]
    if done is not None:
        assert len(places) == done


def _kills(folder: Path, times: int, seed: int) -> dict[str, int]:
    """Kill a batch with -9 at random moments until it has made its reports, then begin the next plan."""
    chance, log = random.Random(seed), folder / "runs"
    tiny(folder, COUNTED)
    env = ENV | {"RUNS": str(log)}
    seen = Counter()
    month, killed = 0, 0
    path = plan_file(folder, "\n  - notebook: tiny.ipynb\n    for: {team: [a, b, c, d]}", months="2030-01")
    command = [sys.executable, "-m", "helpers", "batch", "run", str(path)]
    begun = time.monotonic()
    subprocess.run(command, env=env, check=True, capture_output=True)
    whole = time.monotonic() - begun
    right(folder, 4)
    while killed < times:
        month += 1
        plan_file(folder, "\n  - notebook: tiny.ipynb\n    for: {team: [a, b, c, d]}", months=f"{2030 + month // 12}-{month % 12 + 1:02}")  # fmt: skip
        while True:
            batch = subprocess.Popen(
                command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            try:
                # the beginning is the same each time; most kills fall where reports are made and change places
                _, said = batch.communicate(timeout=chance.uniform(0.3 if killed % 3 else 0.0, 1.1) * whole)
            except subprocess.TimeoutExpired:
                batch.send_signal(signal.SIGKILL)
                batch.communicate()
                killed += 1
                seen["killed"] += 1
                right(folder)
                if killed >= times:
                    break
                continue
            assert batch.returncode == 0, said
            seen["whole"] += 1
            break
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    right(folder, 4 * (month + 1))
    again = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert "0 made, 4 there already" in again.stderr
    left = {p.name for p in (folder / "reports").rglob("*") if p.name.startswith(".") and p.name != ".batch"}
    assert not {n for n in left if n not in (".reserve",)}, left
    # a run that was killed begins again; one whose report was in place does not
    began = Counter(line.split()[0] for line in log.read_text().splitlines())
    assert sum(began.values()) - 4 * (month + 1) <= 2 * killed  # two at a time were lost at most
    seen["reports"], seen["begun again"] = 4 * (month + 1), sum(began.values()) - 4 * (month + 1)
    return dict(seen)


def test_killed_at_ten_random_moments(tmp_path):
    seen = _kills(tmp_path, 10, seed=1)
    assert seen["killed"] == 10


@pytest.mark.slow
def test_killed_at_a_hundred_random_moments(tmp_path):
    """Recorded in docs/batch.md."""
    seen = _kills(tmp_path, 100, seed=2)
    print(seen)  # noqa: T201
    assert seen["killed"] == 100


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_stop_ends_within_ten_seconds_and_leaves_a_state_to_go_on_from(tmp_path, monkeypatch, number):
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip(
            "these tests were started with the signal ignored, as a shell's & does, and so is the batch"
        )
    monkeypatch.setitem(ENV, "RUNS", str(tmp_path / "runs"))
    monkeypatch.setitem(ENV, "NAP", "600")
    tiny(tmp_path, COUNTED)
    path = plan_file(tmp_path)
    batch = started(path)
    assert until(
        lambda: (tmp_path / "runs").is_file() and len((tmp_path / "runs").read_text().splitlines()) == 2
    )
    begun = time.monotonic()
    batch.send_signal(number)
    _, said = batch.communicate(timeout=30)
    assert time.monotonic() - begun < 10
    assert batch.returncode == 6
    assert "stopped" in said and "goes on where it stopped" in said and "Traceback" not in said
    assert not ours(tmp_path)
    assert [e["stopped"] for e in events(tmp_path, "ended")] == [True]
    assert "3 of 3" not in (tmp_path / "reports/index.html").read_text()
    left = [p for p in (tmp_path / "reports/2026-09").rglob("*") if p.name.startswith(".")]
    assert not left
    ENV["NAP"] = "0"
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    assert set(states(run(path)).values()) == {"done"}
    right(tmp_path, 3)


def test_the_warm_parent_killed_in_mid_run_is_started_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("NAP", "1")
    tiny(tmp_path, COUNTED)
    path = plan_file(tmp_path)
    found = {}

    def kill() -> None:
        until(lambda: (tmp_path / "runs").is_file())
        for pid in ours(tmp_path / "reports/.batch/workers.lock"):
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid():
                os.kill(pid, signal.SIGKILL)
                found["pid"] = pid

    killer = threading.Thread(target=kill)
    killer.start()
    record = run(path)
    killer.join()
    assert found
    assert set(states(record).values()) == {"done"}
    assert {r["attempts"] for r in record["reports"]} == {1, 2}
    right(tmp_path, 3)


def test_of_two_batches_of_one_plan_the_second_is_told_or_waits(tmp_path, monkeypatch):
    monkeypatch.setitem(ENV, "RUNS", str(tmp_path / "runs"))
    monkeypatch.setitem(ENV, "NAP", "3")
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    tiny(tmp_path, COUNTED)
    path = plan_file(tmp_path)
    first = started(path)
    assert until(lambda: (tmp_path / "runs").is_file())
    with pytest.raises(
        Refused, match=rf"another batch of this plan is at work \(process {first.pid} on .*since 20"
    ):
        run(path)
    second = run(path, patience=120.0)
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert set(states(second).values()) == {"standing"}
    assert sorted(line.split()[0] for line in (tmp_path / "runs").read_text().splitlines()) == ["a", "b", "c"]
    right(tmp_path, 3)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_full_disk_stops_with_a_sentence_and_the_rest_is_made_when_there_is_room(tmp_path):
    disk = tmp_path / "reports"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    try:
        big = "import random\nif team == 'big': print(random.randbytes(1_000_000).hex())"
        tiny(tmp_path, big)
        path = plan_file(tmp_path, "\n  - notebook: tiny.ipynb\n    for: {team: [a, big, c]}")
        record = run(path)
        assert states(record)["2026-09/big"] == "failed"
        error = next(r["error"] for r in record["reports"] if r["state"] == "failed")
        assert "No space left" in error["found"]
        assert "make room" in error["remedy"]
        right(tmp_path, 2)
        subprocess.run(["mount", "-o", "remount,size=40m", disk], check=True)
        assert set(states(run(path)).values()) == {"done", "standing"}
        right(tmp_path, 3)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_disk_that_is_full_to_the_brim_leaves_the_ledger_right(tmp_path, monkeypatch):
    """The ledger itself cannot be written: the batch stops, says so, and loses nothing."""
    import errno

    tiny(tmp_path)
    path = plan_file(tmp_path)
    real, count = ledger.Ledger.add, [0]

    def full(self, event, **fields):
        count[0] += event == "started"
        if count[0] > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, event, **fields)

    monkeypatch.setattr(ledger.Ledger, "add", full)
    record = run(path)
    assert "No space left" in record["stopped"]["found"]
    monkeypatch.setattr(ledger.Ledger, "add", real)
    assert set(states(run(path)).values()) <= {"done", "standing"}
    right(tmp_path, 3)


def test_a_clock_that_is_set_back_makes_nothing_again(tmp_path, monkeypatch):
    """States of files and of the ledger decide, no time: an hour of summer time or a wrong year changes nothing."""
    tiny(tmp_path)
    path = plan_file(tmp_path)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    run(path)
    for file in (tmp_path / "reports").rglob("*"):
        os.utime(file, (2_000_000_000, 2_000_000_000), follow_symlinks=False)
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    assert set(states(run(path)).values()) == {"standing"}
    assert len(events(tmp_path, "started")) == 3
    right(tmp_path, 3)
    monkeypatch.delenv("TZ")
    time.tzset()


def test_what_a_killed_run_left_beside_a_report_is_cleared(tmp_path):
    tiny(tmp_path)
    path = plan_file(tmp_path)
    run(path)
    place = tmp_path / "reports/2026-09"
    (place / ".a-abcd1234").mkdir()
    (place / "b").rename(place / ".b.before")  # between the two renames of a system without the exchange
    items, _ = running.intended(plan.read(path))
    assert {i.report.folder: i.why for i in items}["2026-09/b"] == "new"
    record = run(path)
    assert set(states(record).values()) == {"standing"}
    assert sorted(p.name for p in place.iterdir()) == ["a", "b", "c"]
    shutil.rmtree(place)
