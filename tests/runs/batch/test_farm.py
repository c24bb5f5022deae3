"""The same plan on a cluster: real workers, killed in mid-run, and each report is there exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.runs.batch.making import ENV, events, plan_file, run, states, tiny
from tests.runs.batch.test_faults import ours, until

from helpers.runs.batch import plan, running
from helpers.terms.errors import Refused

pytest.importorskip("distributed", reason="the extra farm is not installed")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

COUNTED = """
import os, time
with open({runs!r}, "a") as runs:
    runs.write(f"{{team}} {{os.getpid()}}\\n")
time.sleep(0.5)
"""


class Cluster:
    """A scheduler and workers, each a process of its own, as ``dask scheduler`` and ``dask worker`` start them."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder, self.workers = folder, []
        self.scheduler = self._start("scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1", "--scheduler-file", str(folder / "scheduler.json"))  # fmt: skip
        assert until(lambda: (folder / "scheduler.json").is_file())
        import json

        self.address = json.loads((folder / "scheduler.json").read_text())["address"]
        for _ in range(workers):
            self.add()

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        env = ENV | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "10", "TMPDIR": str(self.folder)}
        log = (self.folder / f"{words[0]}.log").open("ab")
        return subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]], env=env, stdout=log, stderr=log)  # fmt: skip

    def add(self) -> None:
        """One worker more."""
        self.workers.append(self._start("worker", self.address, "--no-dashboard", "--no-nanny", "--nthreads", "1", "--local-directory", str(self.folder)))  # fmt: skip

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path, 3)
    yield made
    made.close()


def test_each_report_exactly_once_though_workers_are_killed(tmp_path, cluster):
    folder = tmp_path / "batch"
    folder.mkdir()
    runs = folder / "runs"
    tiny(folder, COUNTED.format(runs=str(runs)))
    teams = [f"t{n:02}" for n in range(10)]
    path = plan_file(folder, f"\n  - notebook: tiny.ipynb\n    for: {{team: [{', '.join(teams)}]}}")
    killed = []

    def kill() -> None:
        for count in (1, 4):
            until(lambda n=count: runs.is_file() and len(runs.read_text().splitlines()) > n)
            # one that is making a report: its warm parent's keeper has just counted itself
            victim = cluster.workers[len(killed)]
            victim.send_signal(signal.SIGKILL)
            killed.append(victim.pid)
            cluster.add()

    killer = threading.Thread(target=kill)
    killer.start()
    until(lambda: b"Registered" in (tmp_path / "worker.log").read_bytes(), 60)
    record = run(path, on=cluster.address)
    killer.join()
    assert len(killed) == 2
    assert states(record) == {f"2026-09/{t}": "done" for t in teams}
    done = [e["report"] for e in events(folder, "done")]
    assert sorted(done) == [f"2026-09/{t}" for t in teams]  # each in one line
    assert len({e["run"] for e in events(folder, "done")}) == len(teams)
    assert len({r["worker"] for r in record["reports"]}) >= 2
    begun = len(runs.read_text().splitlines())
    assert len(teams) <= begun <= len(teams) + 2 * len(killed)
    assert {p.name for p in (folder / "reports/2026-09").iterdir()} == set(teams)
    before = begun
    again = run(path, on=cluster.address)
    assert set(states(again).values()) == {"standing"}
    assert len(runs.read_text().splitlines()) == before
    cluster.close()  # what killed workers had started is gone as well, and the charges that they had shared
    assert until(lambda: not ours(tmp_path), 20)
    assert until(lambda: not list(tmp_path.glob("finops-farm-*")), 20)


def test_no_scheduler_and_a_worker_that_does_not_see_the_folder_are_refused(tmp_path, monkeypatch):
    from helpers.runs.batch import farm

    monkeypatch.setattr(farm, "PATIENCE", 1.0)
    tiny(tmp_path)
    with pytest.raises(Refused, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
        running.run(plan.read(plan_file(tmp_path)), on="tcp://127.0.0.1:9")
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as here:
        monkeypatch.setattr(farm, "_probe", lambda token: (farm.work.kit(), False))
        with pytest.raises(Refused, match=r"does not see .*reports"):
            running.run(plan.read(plan_file(tmp_path)), on=here.scheduler_address)
        monkeypatch.setattr(farm, "_probe", lambda token: ("another", True))
        with pytest.raises(Refused, match="has another kit"):
            running.run(plan.read(plan_file(tmp_path)), on=here.scheduler_address)


def test_a_task_that_runs_twice_makes_its_report_once(tmp_path):
    """What a cluster does when it loses a worker that had finished."""
    from helpers.runs.batch import work

    tiny(tmp_path)
    path = plan_file(tmp_path, "\n  - notebook: tiny.ipynb\n    for: {team: a}")
    run(path)
    started = events(tmp_path, "started")
    place = tmp_path / "reports/2026-09/a"
    before = work.manifest(place)["run"]
    words = {
        "notebook": str(tmp_path / "tiny.ipynb"), "to": str(place), "given": {"team": "a", "month": "2026-09"},
        "how": {"formats": ["html", "json"]}, "timeout": 60.0, "memory": 0,
        "fingerprint": work.manifest(place)["batch"]["fingerprint"], "expected": "",
    }  # fmt: skip
    told = work.report(**words)
    assert (told["state"], told["run"]) == ("found", before)
    assert len(started) == 1
    assert os.listdir(place.parent) == ["a"]  # noqa: PTH208
