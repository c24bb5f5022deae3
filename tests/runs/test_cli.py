"""The command line as a person types it: verbs, JSON, dry runs, exit codes, and a quick start."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.runs.making import notebook

from helpers import __main__ as cli
from helpers.terms import errors

ROOT = Path(__file__).resolve().parents[2]
VERBS = ("sample", "init", "ingest", "check", "history", "kpis", "report", "lesson", "serve")
READING = ("init", "check", "history", "kpis", "report", "lesson")
WRITING = ("sample", "init", "ingest", "report", "lesson")


def finops(*words: object):
    """The command in this process: its exit code, what it says and what it says of errors."""
    return CliRunner().invoke(cli.main, [str(w) for w in words], prog_name="finops")


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns)
        for p in folder.rglob("*")
        if p.is_file() and ".lock" not in p.name
    }


def test_help_starts_at_once():
    """No heavy package is loaded for help; the time itself is measured by benchmarks/report_cold.py."""
    heavy = (
        "pandas",
        "ibis",
        "duckdb",
        "matplotlib",
        "papermill",
        "pyarrow",
        "numpy",
        "deltalake",
        "nbformat",
        "IPython",
    )
    code = (
        "import sys\nfrom helpers.__main__ import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert [v for v in VERBS if f"\n  {v} " in done.stdout] == list(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself(verb):
    done = finops(verb, "--help")
    assert done.exit_code == 0
    options = {"--data", "--as-of", "--json"} if verb in READING else set()
    options |= {"--to", "--dry-run"} if verb in WRITING else set()
    assert all(o in done.output for o in options)


def test_one_table_of_exit_codes():
    assert sorted(errors.EXIT_CODES) == [0, 1, 2, 3, 4, 5, 6]
    said = finops("--help").output
    for word in ("0 done", "1 findings", "2 usage", "3 not reconciled", "4 damaged", "5 refused"):
        assert word in " ".join(said.split())


@pytest.mark.parametrize(
    "words",
    [
        ("repot",),
        ("report",),
        ("report", "practitioner_kpi"),
        ("report", "practitioner_kpis", "-p", "mnth=2026-09"),
        ("report", "practitioner_kpis", "-p", "month"),
        ("check", "--as-of", "yesterday"),
        ("check", "--deap"),
        ("ingest",),
    ],
)
def test_words_that_are_off_end_with_2_and_a_remedy(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    done = finops(*words)
    assert done.exit_code == errors.USAGE
    assert "Traceback" not in done.output
    assert list(tmp_path.iterdir()) == []
    told = finops(*words, "--json")
    assert told.exit_code == errors.USAGE
    assert json.loads(told.stdout)["code"] == errors.USAGE


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (errors.UsageError, 2),
        (errors.NotReconciled, 3),
        (errors.Damaged, 4),
        (errors.Refused, 5),
        (errors.BadInput, 5),
        (errors.RunFailed, 5),
    ],
)
def test_each_error_has_its_code_and_its_record(tmp_path, monkeypatch, raised, code):
    from helpers.runs import report

    def stop(*_, **__):
        raise raised("found token=hunter2", "needed", "remedy", file="a.csv", row=7, column="BilledCost")

    monkeypatch.setattr(report, "make", stop)
    made = notebook(tmp_path / "tiny.ipynb")
    done = finops("report", made, "--to", tmp_path / "r", "--json", tmp_path / "e.json")
    assert done.exit_code == code
    assert "a.csv, row 7, column BilledCost: found token=***" in done.output
    record = json.loads((tmp_path / "e.json").read_text())
    assert (record["error"], record["code"], record["row"]) == (raised.__name__, code, 7)
    assert "hunter2" not in done.output + (tmp_path / "e.json").read_text()


def test_a_bug_is_a_sentence_and_a_log(tmp_path, monkeypatch):
    from helpers.runs import report

    def stop(*_, **__):
        raise RuntimeError("inside /srv/kit with password=hunter2")

    monkeypatch.setattr(report, "make", stop)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = finops("report", notebook(tmp_path / "tiny.ipynb"), "--to", tmp_path / "r")
    assert done.exit_code == errors.REFUSED
    assert "something went wrong inside the kit (RuntimeError)" in done.output
    assert "/srv/kit" not in done.output
    assert "Traceback" not in done.output
    (log,) = tmp_path.glob("finops-*.log")
    assert "RuntimeError" in log.read_text()
    assert "hunter2" not in log.read_text()


def test_the_system_s_own_refusals_are_sentences(tmp_path):
    (tmp_path / "file").write_text("x")
    done = finops("sample", "--to", tmp_path / "file" / "below")
    assert done.exit_code == errors.REFUSED
    assert "Traceback" not in done.output
    assert "nothing was changed" in done.output


def test_dry_runs_change_nothing(tmp_path, monkeypatch, larkspur):
    monkeypatch.chdir(tmp_path)
    before = tree(larkspur)
    last = sorted((larkspur.parent / "sample").glob("2*"))[-1]
    for words in (
        ("sample", "--to", "sample"),
        ("init", "--data", larkspur, "--to", "company"),
        ("ingest", last, "--to", larkspur),
        ("ingest", last, "--to", "other"),
        ("ingest", larkspur.parent / "sample" / "company", "--to", larkspur),
        ("history", "--data", larkspur, "--compact"),
        ("history", "--data", larkspur, "--upgrade"),
        ("history", "--data", larkspur, "--vacuum", "2026-09-01"),
        ("report", "practitioner_kpis", "--data", larkspur, "--to", "reports"),
        ("lesson", "practitioner_kpis", "--data", larkspur, "--to", "lessons"),
    ):
        done = finops(*words, "--dry-run")
        assert done.exit_code == 0, (words, done.output)
        assert done.output, words
        assert list(tmp_path.iterdir()) == [], words
        assert tree(larkspur) == before, words


@pytest.mark.slow  # tests/data/test_sample.py holds the same without the command
def test_the_sample_is_the_same_bytes_for_the_same_seed(tmp_path):
    for name in ("one", "two"):
        assert finops("sample", "--to", tmp_path / name).exit_code == 0
    one, two = (
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()}
        for f in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two
    assert len(one) > 10


def test_check_and_history_speak_and_tell_json(larkspur, tmp_path):
    done = finops("check", "--data", larkspur, "--deep", "--json", tmp_path / "check.json")
    assert done.exit_code in (errors.DONE, errors.FINDINGS), done.output
    assert "checksums compared" in done.output
    told = json.loads((tmp_path / "check.json").read_text())
    assert told["exact"] is True
    assert len(told["lines"]) > 20
    assert (done.exit_code == errors.FINDINGS) == any(f["severity"] != "note" for f in told["findings"])
    done = finops("history", "--data", larkspur, "--json", tmp_path / "history.json")
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "history.json").read_text())
    assert {"2026-09-05", "2026-10-05"} <= {r["delivered"] for r in told}
    earlier = finops("history", "--data", larkspur, "--as-of", "2026-09-05")
    assert "2026-10-05" not in earlier.output
    assert "2026-09-05" in earlier.output


def test_kpis_say_what_the_data_can_answer(larkspur, tmp_path):
    done = finops("kpis", "--data", larkspur, "--all", "--json", tmp_path / "kpis.json")
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "kpis.json").read_text())
    assert sum(1 for f in told if f.get("number")) == 88 or len(told) >= 88
    shorter = finops("kpis", "--data", larkspur)
    assert len(shorter.output) < len(done.output)


def test_init_drafts_and_does_not_replace(larkspur, tmp_path):
    done = finops("init", "--data", larkspur, "--to", tmp_path / "company")
    assert done.exit_code == 0, done.output
    drafts = {p.name for p in (tmp_path / "company").iterdir()}
    assert {"allocation.csv", "tag_policy.csv", "invoices.csv"} <= drafts
    (tmp_path / "company" / "invoices.csv").write_text("mine")
    again = finops("init", "--data", larkspur, "--to", tmp_path / "company")
    assert (tmp_path / "company" / "invoices.csv").read_text() == "mine", again.output


def test_a_lesson_is_written(larkspur, tmp_path):
    done = finops(
        "lesson",
        "practitioner_kpis",
        "--data",
        larkspur,
        "--to",
        tmp_path / "l",
        "--json",
        tmp_path / "l.json",
    )
    assert done.exit_code == 0, done.output
    made = Path(json.loads((tmp_path / "l.json").read_text())["notebook"])
    assert made.is_file()
    assert "solution" not in {
        t for c in json.loads(made.read_text())["cells"] for t in c["metadata"].get("tags", [])
    }


def test_a_report_of_a_tiny_notebook_and_its_json(tmp_path):
    made = notebook(tmp_path / "tiny.ipynb", "print(month)")
    done = finops(
        "report", made, "-p", "month=2026-09", "--to", tmp_path / "r", "--json", tmp_path / "m.json"
    )
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "m.json").read_text())
    assert told == json.loads((tmp_path / "r" / "manifest.json").read_text())
    assert told["parameters"]["given"]["month"] == "2026-09"


def test_a_second_delivery_of_the_same_changes_nothing(larkspur, tmp_path):
    shutil.copytree(larkspur, tmp_path / "store")
    last = sorted((larkspur.parent / "sample").glob("2*"))[-1]
    done = finops("ingest", last, "--to", tmp_path / "store", "--json", tmp_path / "i.json")
    assert done.exit_code == 0, done.output
    one, other = (finops("history", "--data", s, "--json", "-") for s in (larkspur, tmp_path / "store"))
    assert one.stdout[one.stdout.index("[\n") :] == other.stdout[other.stdout.index("[\n") :]


def test_bad_files_are_refused_with_5(tmp_path):
    (tmp_path / "a.csv").write_text("lineItem/UsageAccountId,lineItem/UnblendedCost\n1,2\n")
    for words in (("ingest", tmp_path / "a.csv"), ("ingest", tmp_path / "none.csv")):
        done = finops(*words, "--to", tmp_path / "store", "--json", tmp_path / "e.json")
        assert done.exit_code in (errors.USAGE, errors.REFUSED), done.output
        assert json.loads((tmp_path / "e.json").read_text())["remedy"]
        assert not (tmp_path / "store" / "charges").exists()


def test_a_bad_company_table_stops_the_charges_too(larkspur, tmp_path):
    last = sorted((larkspur.parent / "sample").glob("2*"))[-1]
    shutil.copytree(last, tmp_path / "in")
    with (tmp_path / "in" / "invoices.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["issuer", "period", "currency", "total"], ["AWS", "2026-13", "USD", "x"]]
        )
    done = finops("ingest", tmp_path / "in", "--to", tmp_path / "store")
    assert done.exit_code == errors.REFUSED, done.output
    assert "invoices.csv" in done.output
    assert not (tmp_path / "store" / "charges").exists()


@pytest.mark.parametrize("verb", ["init", "check", "history", "kpis", "lesson"])
def test_where_no_store_is_one_is_told_how_to_make_it(tmp_path, monkeypatch, verb):
    monkeypatch.chdir(tmp_path)
    words = [verb, *(["practitioner_kpis"] if verb == "lesson" else []), "--data", "nowhere"]
    done = finops(*words, *(["--to", "out"] if verb in WRITING else []))
    assert done.exit_code == errors.REFUSED
    assert "nowhere: no store" in done.output
    assert "finops ingest" in done.output


def test_a_damaged_store_ends_with_4(larkspur, tmp_path):
    shutil.copytree(larkspur, tmp_path / "store")
    next((tmp_path / "store" / "charges" / "data" / "2026-10").rglob("*.parquet")).unlink()
    for verb in ("check", "kpis"):
        done = finops(verb, "--data", tmp_path / "store")
        assert done.exit_code == errors.DAMAGED, (verb, done.output)
        assert "Traceback" not in done.output
