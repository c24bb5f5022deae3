"""The practitioner's report over the sample company: its files, its figures, its refusals."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.runs.making import notebook

from helpers.runs import begin, report, sheets
from helpers.terms.errors import KitError

ROOT = Path(__file__).resolve().parents[2]
ENV = os.environ | {"PYTHONPATH": str(ROOT / "src")}
TOTALS = ("billed", "effective", "contracted", "list")


def finops(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "helpers", *map(str, words)]
    return subprocess.run(command, env=ENV, capture_output=True, text=True, check=False)


@pytest.fixture(name="made", scope="module")
def _made(report_of_september) -> Path:
    return report_of_september


@pytest.fixture(scope="module")
def results(made) -> dict:
    return json.loads((made / "results.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def kpis(results) -> dict:
    """The whole company's KPIs by id and variant."""
    return {(k["id"], k.get("variant")): k for k in results["kpis"] if k["scope"] == {}}


def test_all_files_are_there(made):
    assert {p.name for p in made.iterdir()} == set(report.FILES)
    assert all(p.stat().st_size > 100 for p in made.iterdir())


def delivered(path):
    """Rows of a delivered file, read without the kit."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_totals_are_those_of_the_delivered_files(larkspur, kpis):
    """Added up here from the CSV files, without the kit."""
    held: dict[str, Decimal] = dict.fromkeys(TOTALS, Decimal(0))
    by_source: dict[str, Path] = {}
    for path in sorted((larkspur.parent / "sample").glob("2*/2026-09.*")):
        by_source[path.parent.name[11:]] = path  # a later delivery of a month stands for the earlier one
    for path in by_source.values():
        for row in delivered(path):
            if row["BillingCurrency"] == "USD":
                for name in TOTALS:
                    held[name] += Decimal(row[f"{name.capitalize()}Cost"] or 0)
    for name in TOTALS:
        one = kpis[f"total-{name}-cost", None]
        assert Decimal(one["value"]) == held[name], name
        assert (one["unit"], one["currency"], one["period"]) == ("currency", "USD", "2026-09")


def test_each_kpi_has_the_fields_that_the_issue_names(results):
    fields = {
        "id",
        "scope",
        "value",
        "unit",
        "currency",
        "period",
        "benchmark",
        "target",
        "status",
        "definition",
    }
    for one in results["kpis"]:
        assert fields <= one.keys(), one["id"]
        assert isinstance(one["scope"], dict)
        if one["value"] is None:
            assert one["reason"], one["id"]
        else:
            assert re.fullmatch(r"-?\d+(\.\d+)?", one["value"]), one["id"]


def test_the_savings_rate_has_three_variants_as_fractions(kpis):
    rates = {v: k["value"] for (i, v), k in kpis.items() if v in ("list", "contracted", "commitments")}
    assert rates.keys() == {"list", "contracted", "commitments"}
    assert all(-1 < Decimal(r) < 1 for r in rates.values())
    assert all(len(r.partition(".")[2]) <= 12 for r in rates.values())


def test_each_record_is_told_apart(results):
    keys = [
        (k["id"], k.get("variant"), json.dumps(k["scope"], sort_keys=True), k["currency"])
        for k in results["kpis"]
    ]
    assert len(keys) == len(set(keys))


def test_the_change_adds_up_to_the_change_of_the_effective_cost(results, kpis):
    total = kpis["total-effective-cost", None]
    assert len(results["change"]) == 10
    causes = sum(Decimal(c["amount"]) for c in results["change"])
    assert causes == Decimal(total["value"]) - Decimal(total["previous"])


def test_it_reconciles(made):
    lines = json.loads((made / "manifest.json").read_text())["reconciliation"]
    assert len(lines) > 20
    for line in lines:
        assert line["rows_difference"] == 0
        for name in TOTALS:
            assert Decimal(line[f"{name.capitalize()}Cost"]["difference"]) == 0


def test_the_manifest_names_files_inputs_and_packages(made, larkspur):
    manifest = json.loads((made / "manifest.json").read_text())
    assert manifest["files"].keys() == set(report.FILES) - {"manifest.json"}
    for name, known in manifest["files"].items():
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == known["sha256"]
    assert manifest["parameters"]["given"]["month"] == "2026-09"
    assert manifest["parameters"]["as_of"] == "2026-10-05"
    assert {"python", "pandas", "duckdb", "papermill"} <= manifest["packages"].keys()
    assert manifest["timings"]["seconds"]["all"] > 0
    text = json.dumps(manifest["inputs"])
    assert re.search(r"[0-9a-f]{64}", text)
    assert "2026-09-05" in text
    assert "2026-10-05" in text


def test_a_second_run_gives_the_same_bytes(made, larkspur, tmp_path):
    shutil.copytree(made, tmp_path / "report")
    asked = ("-p", "month=2026-09", "--data", larkspur, "--to", tmp_path / "report")
    same = finops("report", "practitioner_kpis", *asked)
    assert same.returncode == 0, same.stderr
    for name in ("results.json", "actions.csv", "tables.xlsx", "index.html"):
        assert (tmp_path / "report" / name).read_bytes() == (made / name).read_bytes(), name
    one, other = (json.loads((f / "manifest.json").read_text())["run"] for f in (made, tmp_path / "report"))
    assert one != other


def test_an_earlier_day_gives_the_month_that_was_closed_then(larkspur, tmp_path):
    """``--as-of`` is the notebook's parameter, too."""
    quick = notebook(
        tmp_path / "quick.ipynb",
        "from helpers.runs import begin\nrun = begin('practitioner_kpis', data=data, as_of=as_of)\nmonth = str(run.month)",
        "assert run.as_of.isoformat() == as_of",
        parameters='data: str = ""\nas_of: str = ""\nmonth: str = ""\n',
    )
    done = finops("report", quick, "--as-of", "2026-09-05", "--data", larkspur, "--to", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "report" / "results.json").read_text())["month"] == "2026-08"
    given = json.loads((tmp_path / "report" / "manifest.json").read_text())["parameters"]["given"]
    assert given["as_of"] == "2026-09-05"


def test_a_notebooks_own_parameters_are_among_the_chosen(larkspur, tmp_path):
    more = (
        "from helpers.runs import begin\nrun = begin('practitioner_kpis', data=data, carbon_price=carbon_price)",
        "month = run.own['carbon_price'] + ' ' + run.other(month='2026-08').chosen['carbon_price']",
        "assert run.table('budgets') is not None and run.table('licences') is None",
    )
    declared = 'data: str = ""\ncarbon_price: str = "80"\nmonth: str = ""\n'
    made = notebook(tmp_path / "own.ipynb", *more, parameters=declared)
    done = finops("report", made, "-p", "carbon_price=120", "--data", larkspur, "--to", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "report" / "results.json").read_text())["month"] == "120 120"


def test_the_page_is_whole_in_itself(made):
    page = (made / "index.html").read_text("utf-8")
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//[^"']+\.(?:js|css|png|svg|woff2?)""", page)
    assert "<script" not in page
    assert "Larkspur" in page
    assert "September 2026" in page
    assert page.count("data:image/svg+xml") >= 4
    assert "In [" not in page
    assert "from helpers" not in page


def test_no_file_names_the_machine(made):
    for path in made.iterdir():
        if path.suffix in {".html", ".json", ".csv"} and path.name != "manifest.json":
            text = path.read_text("utf-8")
            assert str(ROOT) not in text, path.name
            assert sys.prefix not in text, path.name


def test_the_workbook_is_typed_and_exact(made, results):
    import openpyxl

    book = openpyxl.load_workbook(made / "tables.xlsx")
    assert book.sheetnames[:2] == ["KPIs", "Change"]
    rows = list(book["KPIs"].iter_rows(values_only=True))
    head = rows[0]
    assert len(rows) - 1 == len(results["kpis"])
    for row, kpi in zip(rows[1:], results["kpis"], strict=True):
        value = row[head.index("value")]
        if kpi["value"] is None:
            assert value is None
        else:
            assert value == pytest.approx(float(kpi["value"]), rel=1e-15)  # a sheet keeps 16 digits
            assert "value, exact text" not in head or row[head.index("value, exact text")] == kpi["value"]
    assert not [c for s in book for r in s.iter_rows() for c in r if c.data_type == "f" or c.hyperlink]


HOSTILE = [
    "=1+1",
    '=HYPERLINK("http://x")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "https://x.example",
    "<b>",
    "'=1",
]


def test_hostile_names_start_nothing_in_a_spreadsheet(tmp_path):
    import openpyxl

    rows = [{"team": h, "cost": "12345678901234567.89"} for h in HOSTILE]
    found = {
        "notebook": "x",
        "currency": "USD",
        "kpis": [],
        "change": [{"cause": h, "amount": "1.5"} for h in HOSTILE],
        "tables": {
            "=bad[]:*?/\\'": {
                "columns": ["team", "cost"],
                "kinds": {"team": "text", "cost": "number"},
                "rows": rows,
            }
        },
    }
    sheets.write_xlsx(tmp_path / "t.xlsx", found)
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    cells = [c for s in book for r in s.iter_rows() for c in r]
    assert not [c for c in cells if c.data_type == "f" or c.hyperlink]
    seen = [r[0] for r in book.worksheets[-1].iter_rows(min_row=2, values_only=True)]
    assert [str(s) for s in seen] == HOSTILE
    assert book.worksheets[-1]["C2"].value == "12345678901234567.89"


def test_the_actions_are_rows_with_owner_value_and_day(made, results):
    with (made / "actions.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(results["actions"]) > 0
    for row in rows:
        assert not any(v[:1] in "=+@\t" for v in row.values() if v)
    assert all(a["owner"] and a["due"] > "2026-10-05" for a in results["actions"])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"provider": "Microsft"}, "did you mean Microsoft"),
        ({"month": "2027-01"}, "no charges of 2027-01"),
        ({"month": "2026-9"}, "2026-9"),
        ({"month": "September"}, "September"),
        ({"department": "Chekout"}, "no department 'Chekout'"),
        ({"department": "' OR 1=1 --"}, "no department"),
        ({"currency": "GBP"}, "no currency 'GBP'"),
        ({"as_of": "5 October"}, "5 October"),
        ({"data": "elsewhere"}, "elsewhere"),
    ],
)
def test_what_the_store_does_not_have_is_refused_with_the_nearest(larkspur, asked, said):
    with pytest.raises(KitError, match=re.escape(said)) as refused:
        begin("practitioner_kpis", **({"data": str(larkspur)} | asked))
    assert refused.value.remedy


def test_such_a_refusal_reaches_the_screen_with_its_words_and_code(larkspur, tmp_path):
    asked = ("-p", "provider=Microsft", "--data", larkspur, "--to", tmp_path / "report")
    done = finops("report", "practitioner_kpis", *asked)
    assert done.returncode == 2
    assert "no provider 'Microsft' in the store" in done.stderr
    assert "did you mean Microsoft?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "report").exists()


def test_a_flipped_byte_in_the_store_is_refused(made, larkspur, tmp_path):
    shutil.copytree(larkspur, tmp_path / "store")
    shutil.copytree(made, tmp_path / "report")
    hurt = max((tmp_path / "store").rglob("*.parquet"), key=lambda p: p.stat().st_size)
    content = bytearray(hurt.read_bytes())
    content[len(content) // 2] ^= 1
    hurt.write_bytes(content)
    done = finops("report", "practitioner_kpis", "--data", tmp_path / "store", "--to", tmp_path / "report")
    assert done.returncode == 4, done.stderr
    assert hurt.name in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "report" / "results.json").read_bytes() == (made / "results.json").read_bytes()


ONE_BAD = """
import sys
from helpers.__main__ import main
def finops(*words):
    try:
        main(list(words))
    except SystemExit as done:
        return done.code
store, bad, good, to, quick = sys.argv[1:]
codes = [finops("ingest", bad, "--to", store), finops("check", "--data", store) in (0, 1)]
codes += [finops("ingest", good, "--to", store), finops("report", quick, "--data", store, "--to", to)]
print(codes)
"""


def test_one_bad_delivery_does_not_spoil_later_work_in_the_process(larkspur, tmp_path):
    """The report after it starts a fresh interpreter: this process has threads that a fork would lose."""
    shutil.copytree(larkspur, tmp_path / "store")
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"PAR1" + bytes(range(256)) * 9 + b"PAR1")
    good = sorted((larkspur.parent / "sample").glob("2*"))[-1]
    quick = notebook(
        tmp_path / "quick.ipynb",
        "from helpers.runs import begin\nprint(begin('practitioner_kpis', data=data).facts)",
    )
    given = (tmp_path / "store", bad, good, tmp_path / "report", quick)
    words = [sys.executable, "-c", ONE_BAD, *map(str, given)]
    done = subprocess.run(words, env=ENV, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[5, True, 0, 0]", done.stdout + done.stderr
