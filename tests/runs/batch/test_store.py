"""A batch over a store: the same reports as one by one, one state of the store in each, its viewers' rows only."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.runs.batch.making import ENV, events, manifest, plan_file, run, states
from tests.runs.making import FINISH, notebook

from helpers.data import store
from helpers.runs.batch import plan, running, work

NOW = datetime(2026, 11, 26, tzinfo=UTC)
SAME = ("results.json", "index.html", "actions.csv", "tables.xlsx")


@pytest.fixture(scope="module")
def nightly(larkspur, tmp_path_factory):
    """``finops batch init`` and ``run`` as a person types them: the folder, and what was said."""
    folder = tmp_path_factory.mktemp("nightly")

    def finops(*words: object) -> str:
        command = [sys.executable, "-m", "helpers", "batch", *map(str, words)]
        done = subprocess.run(command, cwd=folder, env=ENV, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    init = finops("init", "--data", larkspur, "--to", "plan.yaml")
    dry = finops("run", "plan.yaml", "--dry-run", "--json", "dry.json")
    assert not (folder / "reports").exists()
    return folder, init, dry, finops("run", "plan.yaml", "--json", "done.json")


def test_init_writes_a_plan_that_runs_as_it_is(nightly):
    folder, init, dry, ran = nightly
    assert "plan.yaml" in init
    told = json.loads((folder / "dry.json").read_text())
    wanted = [r["report"] for r in told["reports"]]
    assert len(wanted) >= 6 and wanted[0] == "2026-09/all/practitioner_kpis"
    assert all(r["why"] == "new" for r in told["reports"])
    assert "would make 2026-09/Checkout/practitioner_kpis: new" in dry
    record = json.loads((folder / "done.json").read_text())
    assert states(record) == dict.fromkeys(wanted, "done")
    assert record["reconciled"] and record["lines_reconciled"] > 100
    assert record["versions_read"] == record["store"] == told["store"]
    assert f"{len(wanted)} made, 0 there already" in ran
    assert f"{len(wanted)}/{len(wanted)} done" in ran  # lines, since no terminal is there


def test_a_report_of_a_batch_equals_one_made_alone(nightly, larkspur, tmp_path):
    """What is shared (charges joined once, checksums compared once, a warm process) changes no byte."""
    folder, *_ = nightly
    for department in ("Checkout",):
        asked = ["-p", "month=2026-09", *(["-p", f"department={department}"] if department else [])]
        to = tmp_path / (department or "all")
        command = [sys.executable, "-m", "helpers", "report", "practitioner_kpis", "--data", str(larkspur), "--to", str(to), *asked]  # fmt: skip
        subprocess.run(command, env=ENV, check=True, capture_output=True)
        made = folder / "reports/2026-09" / to.name / "practitioner_kpis"
        for name in SAME:
            assert (made / name).read_bytes() == (to / name).read_bytes(), (department, name)
        one, other = manifest(made), manifest(to)
        assert one["inputs"] == other["inputs"]
        assert one["reconciliation"] == other["reconciliation"]


def test_nothing_of_what_was_shared_is_left_and_the_page_looks_like_the_kit(nightly):
    folder, *_ = nightly
    assert not list((folder / "reports").rglob("*.parquet"))
    page = (folder / "reports/index.html").read_text("utf-8")
    assert "kit-mast" in page and "All " in page and "reports are there" in page
    assert oct((folder / "reports/.batch").stat().st_mode)[-3:] == "700"


READS = """
import os, time
from pathlib import Path
from helpers.runs import begin
first = begin("practitioner_kpis", data=data, month=month)
Path(os.environ["SEEN"], team or "x").touch()
end = time.monotonic() + 60
while not Path(os.environ["SEEN"], "go").exists() and time.monotonic() < end:
    time.sleep(0.05)
assert (first.table("extra") is None) == (first.other(month=month).table("extra") is None)
rows = [first.charges.count().execute(), first.other(month=month).charges.count().execute()]
assert rows[0] == rows[1]
kept = first.data
"""


@pytest.fixture(scope="module")
def small(larkspur, tmp_path_factory):
    """A store with the newest delivery of one source and the company's tables."""
    folder = tmp_path_factory.mktemp("small")
    for delivery in (max((larkspur.parent / "sample").glob("2*-quill")), larkspur.parent / "sample/company"):
        command = [sys.executable, "-m", "helpers", "ingest", str(delivery), "--to", str(folder / "store")]
        subprocess.run(command, env=ENV, check=True, capture_output=True)
    return folder / "store"


@pytest.fixture
def read(small, tmp_path, monkeypatch):
    """A plan over a notebook that opens a store of one's own twice, and waits in between."""
    shutil.copytree(small, tmp_path / "store")
    (tmp_path / "seen").mkdir()
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    last = FINISH.replace('"data": {}', '"data": kept')
    declared = 'data: str = ""\nmonth: str = ""\nteam: str = ""\n'
    notebook(tmp_path / "tiny.ipynb", READS, last, parameters=declared, finish=False)
    return plan_file(tmp_path, data="store")


def meanwhile(folder: Path, do, wait_for: int = 2):
    """`do` once so many reports have opened the store; then they go on."""
    import threading
    import time

    def go() -> None:
        while len(list((folder / "seen").iterdir())) < wait_for:
            time.sleep(0.05)
        do()
        (folder / "seen" / "go").touch()

    thread = threading.Thread(target=go)
    thread.start()
    return thread


def test_a_delivery_in_mid_run_is_in_no_report_and_makes_all_of_them_anew_next_time(read, tmp_path):
    import pyarrow

    def deliver() -> None:
        store.write_table(tmp_path / "store", "extra", pyarrow.table({"a": ["x"]}), date(2026, 11, 1), {}, now=NOW)  # fmt: skip

    before = work.version(store.snapshot(tmp_path / "store"))
    thread = meanwhile(tmp_path, deliver)
    record = run(read)
    thread.join()
    assert set(states(record).values()) == {"done"}, record["reports"]
    assert {r["version"] for r in record["reports"]} == {before}
    items, _ = running.intended(plan.read(read))
    assert {i.why for i in items} == {"newer data"}
    again = run(read)
    assert {r["version"] for r in again["reports"]} == {work.version(store.snapshot(tmp_path / "store"))} != {before}  # fmt: skip


def test_a_store_exchanged_in_mid_run_is_read_anew_by_the_reports_that_it_hit(read, tmp_path):
    import pyarrow

    other = tmp_path / "other"
    shutil.copytree(tmp_path / "store", other)
    shutil.rmtree(other / "companions/teams")
    store.write_table(other, "extra", pyarrow.table({"a": ["x"]}), date(2026, 11, 1), {}, now=NOW)
    versions = [work.version(store.snapshot(s)) for s in (tmp_path / "store", other)]

    def exchange() -> None:
        (tmp_path / "store").rename(tmp_path / "away")
        other.rename(tmp_path / "store")

    thread = meanwhile(tmp_path, exchange)
    record = run(read)
    thread.join()
    assert set(states(record).values()) == {"done"}, record["reports"]
    assert {r["version"] for r in record["reports"]} == {versions[1]}
    assert [(e["before"], e["now"]) for e in events(tmp_path, "store")][:1] == [tuple(versions)]
    for report in record["reports"]:
        held = manifest(tmp_path / "reports" / report["report"])["inputs"]
        assert work.version(held) == report["version"]  # which says which
        assert ("extra" in held["companions"], "teams" in held["companions"]) == (True, False)


def test_a_damaged_store_is_refused_before_the_first_report(read, tmp_path):
    from helpers.terms.errors import Damaged

    text = read.read_text().replace("[a, b, c]", "[a, b, c, d]")  # enough that it is prepared
    read.write_text(text)
    file = next((tmp_path / "store/charges").rglob("*.parquet"))
    file.chmod(0o644)
    held = bytearray(file.read_bytes())
    held[len(held) // 2] ^= 1
    file.write_bytes(held)
    with pytest.raises(Damaged, match="not those that were written") as damaged:
        running.run(plan.read(read))
    assert damaged.value.code == 4
    assert not [e for e in events(tmp_path) if e["event"] == "started"]


@pytest.mark.slow
def test_a_viewers_report_holds_the_viewers_rows_only(larkspur, tmp_path):
    (tmp_path / "rights.yaml").write_text("rights:\n  - user: ana@larkspur.example\n    departments: [Checkout]\n  - user: eva@larkspur.example\n    departments: all\n")  # fmt: skip
    path = plan_file(
        tmp_path,
        "\n  - notebook: practitioner_kpis\n    viewer: [ana@larkspur.example, eva@larkspur.example]",
        data=str(larkspur),
        rights="rights.yaml",
        folder='"{month}/{viewer}"',
    )
    record = run(path)
    assert set(states(record).values()) == {"done"}, record["reports"]
    pages = {r["viewer"]: (tmp_path / "reports" / r["report"] / "index.html").read_text() for r in record["reports"]}  # fmt: skip
    assert "Platform" not in pages["ana@larkspur.example"] and "Checkout" in pages["ana@larkspur.example"]
    assert "Platform" in pages["eva@larkspur.example"]
    again = run(path)
    assert set(states(again).values()) == {"standing"}
    (tmp_path / "rights.yaml").write_text("rights:\n  - user: ana@larkspur.example\n    departments: [Checkout, Search]\n  - user: eva@larkspur.example\n    departments: all\n")  # fmt: skip
    items, _ = running.intended(plan.read(path))
    assert [bool(i.why) for i in items] == [True, False]
    assert "viewer" in items[0].why
