"""A report's forms: PDF that a screen reader can use, typed workbook, exact CSV and Parquet, all from the same results."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import subprocess
from collections import Counter
from decimal import Decimal as D
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pypdf
import pytest
from click.testing import CliRunner
from tests.runs.finished import finished, results
from tests.runs.making import notebook

from helpers import __main__ as cli
from helpers.runs import formats, report, sheets
from helpers.terms.errors import BadInput, UsageError
from helpers.views import pdf


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """All forms of a report; read only."""
    folder = finished(tmp_path_factory.mktemp("forms") / "report")
    formats.write(folder, formats.FORMATS)
    return folder


def structure(reader: pypdf.PdfReader) -> tuple[Counter, list[str]]:
    """How often each kind of tag stands in a PDF, and the alternative texts."""
    kinds, alts = Counter(), []

    def walk(node) -> None:
        node = node.get_object()
        if isinstance(node, list):
            for each in node:
                walk(each)
        elif isinstance(node, dict):
            kinds.update([node["/S"]] if "/S" in node else [])
            alts.extend([str(node["/Alt"])] if "/Alt" in node else [])
            if "/K" in node and not isinstance(node["/K"], int):
                walk(node["/K"])

    walk(reader.trailer["/Root"]["/StructTreeRoot"])
    return kinds, alts


def titles(outline) -> list[str]:
    return [t for x in outline for t in (titles(x) if isinstance(x, list) else [x.title])]


def test_the_pdf_is_tagged_with_bookmarks_language_and_alternative_texts(made):
    reader = pypdf.PdfReader(made / "report.pdf")
    root = reader.trailer["/Root"]
    assert root["/Lang"] == "en" and bool(root["/MarkInfo"]["/Marked"])
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()
    assert reader.metadata is not None and reader.metadata.title == "The FinOps practitioner's month, 2026-09"
    names = titles(reader.outline)
    assert names[0].startswith("September cost 352,410 USD, 6 % more than August".replace(" %", "\u00a0%").replace(" USD", "\u00a0USD"))  # fmt: skip
    assert {"Three decisions", "All key figures", "The numbers in the pictures", "Sources"} <= set(names)
    kinds, alts = structure(reader)
    page = (made / "index.html").read_text("utf-8")
    assert kinds["/Figure"] == page.count("<img ") == len(alts)
    assert any("386" in a or "332,150" in a for a in alts) and all(len(a) > 10 for a in alts)
    assert kinds["/TH"] > 10 and kinds["/Table"] >= 6 and kinds["/H1"] == 1


def test_the_words_of_the_pdf_can_be_read_out(made):
    text = "\n".join(p.extract_text() for p in pypdf.PdfReader(made / "report.pdf").pages)
    for said in ("The sample company", "Renew the compute commitment", "18.0066386184", "2026-09.csv", "AWS"):
        assert said in text, said


def test_its_pictures_are_vectors(made):
    reader = pypdf.PdfReader(made / "report.pdf")
    assert sum(len(p.images) for p in reader.pages) == 0


def test_equal_results_give_an_equal_pdf(made, tmp_path):
    shutil.copytree(made, tmp_path / "again")
    (tmp_path / "again" / "report.pdf").unlink()
    formats.write(tmp_path / "again", ["pdf"])
    assert (tmp_path / "again" / "report.pdf").read_bytes() == (made / "report.pdf").read_bytes()


def test_a_picture_that_cannot_be_drawn_leaves_its_words(tmp_path):
    folder = finished(tmp_path / "r")
    book = formats._book(folder)
    bad = '<img src="data:image/svg+xml;base64,PHN2Zz48" alt="the words of it">'
    book.cells[3].outputs[0].data["text/html"] = f'<div class="kit-block kit-figure"><h2>T</h2>{bad}</div>'
    found = pypdf.PdfReader(io.BytesIO(pdf.render(book, results(), title="T")))
    assert "the words of it" in "".join(p.extract_text() for p in found.pages)


def test_scripts_that_our_font_lacks_are_kept_as_text(tmp_path):
    """On a machine without fonts for them each letter is a box, but readers and searches have the letter."""
    folder = finished(tmp_path / "r", " 部門 분과 अनुभाग")
    (path,) = formats.write(folder, ["pdf"])
    assert b"pdfuaid:part>1" in pypdf.PdfReader(path).trailer["/Root"]["/Metadata"].get_data()
    if not shutil.which("pdftotext"):
        pytest.skip("pdftotext (Debian's poppler-utils) is absent: it reads the letters behind the boxes")
    said = subprocess.run(["pdftotext", str(path), "-"], capture_output=True, text=True, check=True).stdout
    assert "部門 분과 अनुभाग" in said


def test_a_page_without_a_headline_and_with_odd_headings_is_still_one(tmp_path):
    from tests.views import made as story

    book = story.notebook([], before="### Deep\n\ntext with [a link](https://example.org) and `code`\n\n- one\n- two\n\n> said")  # fmt: skip
    reader = pypdf.PdfReader(io.BytesIO(pdf.render(book, results(), title="The title")))
    assert titles(reader.outline)[:2] == ["The title", "Deep"]
    assert b"pdfuaid:part>1" in reader.trailer["/Root"]["/Metadata"].get_data()


def test_a_pdf_that_is_added_later_has_the_language_of_the_page(tmp_path):
    folder = finished(tmp_path / "r")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"language": "de"}))
    (path,) = formats.write(folder, ["pdf"])
    reader = pypdf.PdfReader(path)
    assert reader.trailer["/Root"]["/Lang"] == "de"
    assert reader.metadata.title == "Der Monat der FinOps-Verantwortlichen, 2026-09"
    assert json.loads((folder / "manifest.json").read_text())["language"] == "de"


def test_csv_has_every_digit(made):
    with (made / "tables" / "services.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["amount"] for r in rows] == ["12345678901234567.89", "-2.5"]
    assert {p.name for p in (made / "tables").glob("*.csv")} == {
        "kpis.csv", "change.csv", "services.csv", "actions.csv", "reconciliation.csv", "sources.csv", "about.csv"
    }  # fmt: skip


def test_parquet_has_decimals_and_days(made):
    table = pq.read_table(made / "tables" / "services.parquet")
    assert table.schema.field("amount").type == pa.decimal128(38, 18)
    assert table.column("amount").to_pylist() == [D("12345678901234567.89"), D("-2.5")]
    assert table.schema.field("since").type == pa.date32()
    wide = sheets.Sheet("w", ("n",), {"n": "number"}, [{"n": "0." + "1" * 30}, {"n": None}])
    sheets.write_parquet(made.parent / "w.parquet", wide)
    assert pq.read_table(made.parent / "w.parquet").column("n")[0].as_py() == D("0." + "1" * 30)


def test_a_column_of_numbers_with_a_word_in_it_is_kept(tmp_path):
    odd = sheets.Sheet("odd", ("n",), {"n": "number"}, [{"n": "1.50"}, {"n": "=1+1"}, {"n": "NaN"}])
    sheets.write_parquet(tmp_path / "o.parquet", odd)
    assert pq.read_table(tmp_path / "o.parquet").column("n").to_pylist() == ["1.50", "=1+1", "NaN"]
    assert sheets.csv_text(odd) == "n\n1.5\n'=1+1\nNaN\n"


def test_the_workbook_has_typed_days_actions_and_sources(made):
    book = openpyxl.load_workbook(made / "tables.xlsx")
    assert book.sheetnames == ["KPIs", "Change", "Services", "Actions", "Reconciliation", "Sources", "About"]
    actions = book["Actions"]
    head = [c.value for c in actions[1]]
    assert actions.cell(2, head.index("due") + 1).is_date
    assert actions.cell(2, head.index("value") + 1).value == 6100
    assert book["Services"]["C2"].is_date and book["Services"]["D2"].value == "12345678901234567.89"


def test_names_of_sheets_stay_different_when_cut():
    found = results(tables={n: {"columns": ["a"], "kinds": {"a": "text"}, "rows": []} for n in ("x" * 40 + "1", "x" * 40 + "2", "KPIs", "history", "", "a/b", "A?B")})  # fmt: skip
    made = sheets.sheets(found)
    tabs = [sheets._tab(s.name).lower() for s in made]
    assert len(set(tabs)) == len(tabs) and all(tabs) and "history" not in tabs
    assert len({s.file for s in made}) == len(made)


def test_the_manifest_knows_the_new_files(made):
    manifest = json.loads((made / "manifest.json").read_text("utf-8"))
    known = manifest["files"]
    assert {"report.pdf", "tables/kpis.csv", "tables/kpis.parquet"} <= known.keys()
    for name, one in known.items():
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == one["sha256"]
    assert not list(made.rglob("*.part"))
    report._may_replace(made)  # a run may take its place


def test_what_is_there_is_not_made_again(made):
    before = (made / "report.pdf").stat().st_mtime_ns
    assert made / "report.pdf" in formats.write(made, ["pdf", "html"])
    assert (made / "report.pdf").stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["html", "xlsx", "json"])
def test_a_form_that_is_lost_comes_back_the_same(made, tmp_path, name):
    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    (path,) = formats.files(copy, name)
    before = path.read_bytes()
    path.unlink()
    formats.write(copy, [name])
    assert path.read_bytes() == before


def test_an_unknown_form_and_a_folder_without_a_notebook_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no format 'pfd'") as problem:
        formats.check(["pfd"])
    assert "pdf" in problem.value.remedy
    with pytest.raises(BadInput, match="no executed notebook"):
        formats.write(tmp_path, ["pdf"])


def test_a_full_disk_leaves_no_half_file(made, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    (copy / "report.pdf").unlink()
    before = (copy / "manifest.json").read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pdf, "render", lambda *a, **k: b"x")
    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        formats.write(copy, ["pdf"])
    assert not (copy / "report.pdf").exists() and not list(copy.rglob("*.part"))
    assert (copy / "manifest.json").read_bytes() == before


def test_a_real_report_in_all_forms(report_of_september, tmp_path):
    """The practitioner's, of the sample company."""
    folder = Path(shutil.copytree(report_of_september, tmp_path / "r"))
    formats.write(folder, ["pdf", "csv", "parquet"])
    assert {p.name for p in folder.iterdir()} == {*report.FILES, "report.pdf", "tables"}
    reader = pypdf.PdfReader(folder / "report.pdf")
    assert structure(reader)[0]["/Figure"] == (folder / "index.html").read_text("utf-8").count("<img ") == 9
    assert b"pdfuaid:part>1" in reader.trailer["/Root"]["/Metadata"].get_data()
    found = json.loads((folder / "results.json").read_text("utf-8"))
    kpis = pq.read_table(folder / "tables" / "kpis.parquet").to_pylist()
    assert [None if k["value"] is None else D(k["value"]) for k in found["kpis"]] == [
        k["value"] for k in kpis
    ]


def test_finops_report_makes_them(tmp_path):
    """Whatever a notebook shows; a form that there is not is refused before anything runs."""
    made = notebook(tmp_path / "tiny.ipynb")
    words = ["report", str(made), "--to", str(tmp_path / "r"), "--format"]
    bad = CliRunner().invoke(cli.main, [*words, "docx"])
    assert bad.exit_code == 2 and "no format 'docx'" in bad.output and not (tmp_path / "r").exists()
    done = CliRunner().invoke(cli.main, [*words, "PDF,csv"])
    assert done.exit_code == 0, done.output
    assert {p.name for p in (tmp_path / "r").iterdir()} == {*report.FILES, "report.pdf", "tables"}
    again = CliRunner().invoke(cli.main, words[:-1])  # and one without takes its place
    assert again.exit_code == 0, again.output
    assert {p.name for p in (tmp_path / "r").iterdir()} == set(report.FILES)
