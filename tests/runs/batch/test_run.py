"""A batch makes what is missing, failed or has newer inputs, nothing twice; one bad report does not stop others."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from tests.runs.batch.making import events, manifest, plan_file, run, states, tiny

from helpers.runs import report as reports
from helpers.runs.batch import plan, running, work
from helpers.terms.errors import Refused, Unfinished

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a batch forks")

UNLIKE = """
import builtins, os, signal, time
if team == "crash":
    os.kill(os.getpid(), signal.SIGKILL)
if team == "hang":
    time.sleep(600)
if team == "greedy":
    held = bytearray(b"x") * 1_500_000_000
    time.sleep(60)
if team == "broken":
    1 / 0
if team == "dirty":
    builtins.left_behind = os.environ["LEFT_BEHIND"] = "yes"
    os.chdir("/")
if team == "clean":
    assert not hasattr(builtins, "left_behind") and "LEFT_BEHIND" not in os.environ and os.getcwd() != "/"
if team == "once" and not os.path.exists(os.environ["ONCE"]):
    open(os.environ["ONCE"], "w").close()
    os._exit(3)
"""


@pytest.fixture(scope="module")
def unlike(tmp_path_factory):
    """One run of a plan with every kind of bad report among good ones: its folder and the summary's record."""
    folder = tmp_path_factory.mktemp("unlike")
    tiny(folder, UNLIKE)
    plan_file(
        folder,
        "\n  - notebook: tiny.ipynb\n    for: {team: [hang]}\n    limits: {time: 5 s, retries: 0}"
        "\n  - notebook: tiny.ipynb\n    for: {team: [dirty, crash, clean, greedy, broken, once, fine]}",
        limits="{time: 120 s, memory: 900 MB, workers: 2}",
    )
    os.environ["ONCE"] = str(folder / "once")
    try:
        return folder, run(folder / "plan.yaml")
    finally:
        del os.environ["ONCE"]


def test_one_bad_report_stops_no_other(unlike):
    _, record = unlike
    assert states(record) == {
        f"2026-09/{t}": s
        for t, s in {
            "hang": "failed", "dirty": "done", "crash": "failed", "clean": "done", "greedy": "failed",
            "broken": "failed", "once": "done", "fine": "done",
        }.items()
    }  # fmt: skip
    assert record["counts"] == {"done": 4, "standing": 0, "failed": 4, "not made": 0, "delivered": 0, "may have been sent": 0, "not delivered": 0}  # fmt: skip


def test_each_failure_says_why_and_what_is_kept(unlike):
    folder, record = unlike
    failed = {r["report"][8:]: r["error"] for r in record["reports"] if r["state"] == "failed"}
    assert "it took longer than 5 s" in failed["hang"]["found"]
    assert "ended by SIGKILL" in failed["crash"]["found"]
    assert "more than 900 MB of memory" in failed["greedy"]["found"]
    assert "ZeroDivisionError: division by zero" in failed["broken"]["found"]
    for team, error in failed.items():
        assert error["cell"] is not None and error["section"] == "Tiny"
        assert error["remedy"]
        assert (folder / "reports/2026-09" / error["kept"] / "error.json").is_file(), team
        assert not (folder / "reports/2026-09" / team).exists()


def test_what_crashed_is_tried_once_more_in_a_fresh_process(unlike):
    folder, record = unlike
    tries = {r["report"][8:]: r["attempts"] for r in record["reports"]}
    assert tries == {
        "hang": 1,
        "dirty": 1,
        "crash": 2,
        "clean": 1,
        "greedy": 2,
        "broken": 2,
        "once": 2,
        "fine": 1,
    }
    again = [e["report"] for e in events(folder, "tried")]
    assert sorted(again) == [f"2026-09/{t}" for t in ("broken", "crash", "greedy", "once")]


def test_the_summary_page_says_the_same(unlike):
    folder, record = unlike
    page = (folder / "reports/index.html").read_text("utf-8")
    assert json.loads((folder / "reports/summary.json").read_text()) == record
    assert "4 of 8 reports are there; 4 are not" in page
    assert 'href="2026-09/fine/index.html"' in page
    assert "ZeroDivisionError" in page and "<script" not in page
    for kept in {r["error"]["kept"] for r in record["reports"] if r["state"] == "failed"}:
        assert f'href="2026-09/{kept}/error.txt"' in page


def test_nothing_half_made_is_left(unlike):
    folder, _ = unlike
    left = {p.name for p in (folder / "reports/2026-09").iterdir()}
    assert left == {"dirty", "clean", "once", "fine", *(f"{t}.failed" for t in ("hang", "crash", "greedy", "broken", "once"))}  # fmt: skip
    for team in ("dirty", "clean", "once", "fine"):
        place = folder / "reports/2026-09" / team
        assert {p.name for p in place.iterdir()} == set(reports.FILES)
        assert not work.missing(place, manifest(place))


@pytest.fixture
def made(tmp_path_factory, tmp_path, three):
    """A finished batch of three reports, of one's own."""
    shutil.copytree(three, tmp_path / "batch", symlinks=True)
    return tmp_path / "batch"


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    folder = tmp_path_factory.mktemp("three")
    tiny(folder, "print(team)")
    record = run(plan_file(folder))
    assert set(states(record).values()) == {"done"}
    return folder


def ran(folder):
    return {t: manifest(folder / "reports/2026-09" / t)["run"] for t in "abc"}


def test_a_second_run_makes_nothing(made):
    before, lines = ran(made), len(events(made, "started"))
    record = run(made / "plan.yaml")
    assert set(states(record).values()) == {"standing"}
    assert ran(made) == before
    assert len(events(made, "started")) == lines == 3
    assert record["reports"][0]["run"] == before["a"]
    assert record["reports"][0]["seconds"] > 0  # what the ledger knows of the run that made it


def why(folder: Path) -> dict[str, str]:
    items, _ = running.intended(plan.read(folder / "plan.yaml"))
    return {i.report.folder[8:]: i.why for i in items}


def test_what_is_missing_changed_or_has_newer_inputs_is_made_and_nothing_else(made):
    assert why(made) == {"a": "", "b": "", "c": ""}
    shutil.rmtree(made / "reports/2026-09/a")
    (made / "reports/2026-09/b/actions.csv").write_text("")
    assert why(made) == {"a": "new", "b": "actions.csv is missing or has changed", "c": ""}
    before = manifest(made / "reports/2026-09/c")["run"]
    assert states(run(made / "plan.yaml")) == {
        "2026-09/a": "done",
        "2026-09/b": "done",
        "2026-09/c": "standing",
    }
    assert ran(made)["c"] == before


def test_another_notebook_format_or_value_is_newer_input(made):
    tiny(made, "print(team, 'new')")
    assert set(why(made).values()) == {"newer notebook"}
    tiny(made, "print(team)")
    plan_file(made, formats="[html, csv]")
    # the notebook written again has other cell ids, so its bytes differ
    assert set(why(made).values()) == {"newer notebook and formats"}


def test_every_format_stands_in_the_folder_when_it_appears(made):
    plan_file(
        made,
        "\n  - notebook: tiny.ipynb\n    for: {team: a}",
        formats="[html, pdf, xlsx, csv, parquet, json]",
    )
    record = run(made / "plan.yaml")
    assert record["counts"]["done"] == 1, record["reports"]
    place = made / "reports/2026-09/a"
    assert (place / "report.pdf").read_bytes().startswith(b"%PDF")
    assert {"report.pdf", "index.html", "tables.xlsx", "results.json"} <= manifest(place)["files"].keys()
    assert record["reports"][0]["timings"]["formats"] > 0
    assert why(made)["a"] == ""


def test_a_mended_kit_makes_its_reports_again(made, monkeypatch):
    monkeypatch.setattr(work, "kit", lambda: "another")
    assert set(why(made).values()) == {"newer kit"}


def test_another_look_or_language_makes_the_reports_again(made, monkeypatch):
    (made / "look.yaml").write_text("name: Ours\n")
    monkeypatch.setenv("FINOPS_LOOK", str(made / "look.yaml"))
    first = why(made)
    assert set(first.values()) == {"newer look"}
    before = running._look_of_pages()
    (made / "look.yaml").write_text("name: Theirs\n")
    assert running._look_of_pages() != before


def test_another_logo_or_the_looks_language_makes_the_reports_again(made, monkeypatch):
    (made / "look.yaml").write_text("name: Ours\nlogo: ours.svg\n")
    monkeypatch.setenv("FINOPS_LOOK", str(made / "look.yaml"))
    marks = []
    for colour in ("#b5480a", "#0b5cad"):
        box = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path fill="{colour}" d="M0 0h9v9z"/></svg>'
        (made / "ours.svg").write_text(box)
        marks.append(running._look_of_pages())
    (made / "look.yaml").write_text("name: Ours\nlogo: ours.svg\nlanguage: de\n")
    marks.append(running._look_of_pages())
    assert len(set(marks)) == 3


def test_the_mark_of_the_kit_counts_the_layout_of_its_pdf(tmp_path, monkeypatch):
    shutil.copytree(Path(work.outputs.__file__).parents[1] / "views", tmp_path / "helpers/views")
    monkeypatch.setattr(work.outputs, "__file__", str(tmp_path / "helpers/runs/outputs.py"))
    before = work.kit.__wrapped__()
    with (tmp_path / "helpers/views/report.typ").open("a") as file:
        file.write("// another\n")
    assert work.kit.__wrapped__() != before


def test_a_report_made_by_hand_is_made_again(made):
    place = made / "reports/2026-09/a"
    reports.make(made / "tiny.ipynb", place, {"team": "a", "month": "2026-09"})
    assert why(made) == {"a": "made outside the batch", "b": "", "c": ""}


def test_a_report_whose_line_was_lost_is_not_made_twice(made):
    """Killed after the folders changed places and before the ledger had its line."""
    book = made / "reports/.batch/ledger.jsonl"
    lines = book.read_text().splitlines(keepends=True)
    gone = next(i for i, text in enumerate(lines) if '"event": "done"' in text)
    book.write_text("".join(lines[:gone]) + lines[gone][:40])
    before = ran(made)
    record = run(made / "plan.yaml")
    assert set(states(record).values()) == {"standing"}
    assert ran(made) == before
    assert sorted(e["run"] for e in events(made, "done", "found")) == sorted(before.values())


def test_values_that_changed_since_the_report_before_are_listed(made):
    text = (made / "tiny.ipynb").read_text()
    kpi = {"id": "spend", "name": "Spend", "scope": {}, "unit": "currency", "currency": "USD", "period": "2026-09", "previous": "1", "target": "2", "status": "met"}  # fmt: skip
    for value in ("5", "7"):
        one = json.dumps([kpi | {"value": value}]).replace('"', '\\"')
        (made / "tiny.ipynb").write_text(text.replace('\\"kpis\\": []', f'\\"kpis\\": {one}'))
        record = run(made / "plan.yaml")
    changed = {r["report"]: r["changed"] for r in record["reports"]}
    assert changed["2026-09/a"] == [{"kpi": "spend · USD", "name": "Spend", "before": "5", "after": "7"}]
    assert "KPIs that changed" in (made / "reports/index.html").read_text()


def test_a_folder_of_something_else_or_another_plan_is_refused(made, tmp_path):
    text = (made / "plan.yaml").read_text()
    (made / "plan.yaml").write_text(text.replace("nightly", "weekly"))
    with pytest.raises(Refused, match="that of the batch 'nightly'"):
        running.run(plan.read(made / "plan.yaml"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/index.html").write_text("mine")
    (made / "plan.yaml").write_text(text.replace("reports\n", "../mine\n", 1))
    with pytest.raises(Refused, match=r"holds index\.html, which no batch made"):
        running.run(plan.read(made / "plan.yaml"))
    assert (tmp_path / "mine/index.html").read_text() == "mine"


def test_it_ends_with_a_code_of_its_own_and_a_sentence(made):
    tiny(made, "assert team != 'b'")
    with pytest.raises(Unfinished, match="1 of 3 reports were not made; the first: 2026-09/b") as unfinished:
        running.run(plan.read(made / "plan.yaml"))
    assert unfinished.value.code == 6
    assert "index.html says what and why" in unfinished.value.remedy
    assert why(made)["b"] == "newer notebook"  # the earlier one stands
    assert manifest(made / "reports/2026-09/b")["batch"]["report"] == "2026-09/b"


def test_deliveries_arrive_once(made):
    text = (made / "plan.yaml").read_text()
    (made / "plan.yaml").write_text(text.replace("reports:\n", "deliver: [{folder: 'out/{team}', formats: [json]}]\nreports:\n"))  # fmt: skip
    # what a delivery asks for joins the formats, so the reports are made with it
    first = run(made / "plan.yaml")
    assert (first["counts"]["delivered"], first["counts"]["not delivered"]) == (3, 0), first["reports"]
    out = {p.parent.name: p.read_bytes() for p in (made / "out").glob("*/results.json")}
    assert out.keys() == set("abc")
    again = run(made / "plan.yaml")
    assert set(states(again).values()) == {"standing"}
    assert len(events(made, "delivered")) == 3
    assert again["counts"]["delivered"] == 0  # an earlier run delivered them
    assert {d["state"] for r in again["reports"] for d in r["deliveries"]} == {"sent before"}


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_warm_parent_is_one_thread_without_a_database_or_a_file_of_the_store(tmp_path):
    from helpers.runs.batch.warm import Warm

    warm = Warm(tmp_path / "log")
    warm.start()
    warm.submit("verify", store=str(tmp_path), pin={}).exception(120)  # it is ready when it answers
    pid = warm._process.pid
    try:
        opened = [str(f.readlink()) for f in Path(f"/proc/{pid}/fd").iterdir()]
        assert not [f for f in opened if "parquet" in f or "duckdb" in f]
        threads = [(t / "comm").read_text().strip() for t in Path(f"/proc/{pid}/task").iterdir()]
        assert len([t for t in threads if "jemalloc" not in t]) <= 2  # its own, and pyarrow's that waits
    finally:
        warm.close()
    assert not Path(f"/proc/{pid}").exists()
