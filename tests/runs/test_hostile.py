"""Text in data stays text on every surface that leaves the kit: workbook, CSV, Parquet, PDF, figures, logs.

Mail and webhooks have the same test in their own files, because there each text is put into every part of a message.
"""

from __future__ import annotations

import csv
import io
import json
import re
import struct
import zipfile
from contextlib import suppress
from decimal import Decimal as D
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pypdf
import pytest
from click.testing import CliRunner
from tests.runs.finished import HOSTILE, HUGE, LONG, finished, results, words

from helpers import __main__ as cli
from helpers import views
from helpers.actions.csvs import STARTS, table_text
from helpers.runs import delivery, formats
from helpers.views import news, page, pdf

ALL = (*HOSTILE, LONG, HUGE)
NUMBER = re.compile(r"-?\d+(\.\d+)?")
BROKEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """One report that has every text in titles, names, decisions, definitions and tables, in all its forms."""
    shown = words()
    for text in ALL:
        frame = pd.DataFrame({"ServiceName": [text, "x"], "amount": [D(5), D(1)]}, dtype=object)
        shown += [
            views.tables.listing(frame, title=text, currency="USD"),
            {"text/plain": text},
            {"text/markdown": text},
        ]
    shown += words(f" {''.join(HOSTILE)}")
    rows = [{"name": t, "amount": "-1.5", "=1+1": t} for t in ALL]
    kinds = {"name": "text", "amount": "number", "=1+1": "text"}
    tables = {"=cmd|' /C calc'!A0": {"columns": list(kinds), "kinds": kinds, "rows": rows}}
    folder = finished(
        tmp_path_factory.mktemp("hostile") / "report", " =1+1", shown, tables=tables, headline="@x"
    )
    formats.write(folder, formats.FORMATS)
    return folder


def table(report: Path, ending: str) -> Path:
    return report / "tables" / f"cmd-c-calc-a0.{ending}"


def test_workbook(report):
    book = openpyxl.load_workbook(report / "tables.xlsx")
    cells = [c for s in book for r in s.iter_rows() for c in r]
    assert not [c for c in cells if c.data_type == "f" or c.hyperlink]
    archive = zipfile.ZipFile(report / "tables.xlsx")
    raw = b"".join(archive.read(n) for n in archive.namelist() if n.startswith("xl/worksheets"))
    assert b"<f>" not in raw and b"<hyperlink" not in raw
    assert not [n for n in archive.namelist() if "externalLink" in n or "macro" in n.lower()]
    (own,) = [s for s in book if s.title.startswith("=cmd")]
    seen = [str(r[0]) for r in own.iter_rows(min_row=2, values_only=True)]
    for text, cell in zip(ALL, seen, strict=True):
        kept = BROKEN.sub("\ufffd", text)
        if text == HUGE:
            assert cell.startswith("tag tag") and cell.endswith(f"(cut here: {len(HUGE):,} characters)")
        else:
            assert cell.replace("_x000D_", "\r") == kept


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_starts_no_formula_whatever_the_separator(report, delimiter):
    """A spreadsheet of another country takes `;`: its cells begin elsewhere."""
    for path in [*sorted((report / "tables").glob("*.csv")), report / "actions.csv"]:
        text = path.read_bytes().decode("utf-8")
        assert not BROKEN.search(text)
        csv.field_size_limit(10_000_000)
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            for cell in row:
                begins = cell.lstrip(" \u00a0\"'") if delimiter != "," and cell[:1] != "'" else cell
                if delimiter == ",":
                    assert NUMBER.fullmatch(cell) or not cell.lstrip(" \u00a0").startswith(STARTS), cell[:60]
                elif not NUMBER.match(begins):
                    assert not cell.lstrip(' \u00a0"').startswith(STARTS[:4]), (path.name, cell[:60])


def test_csv_keeps_the_text_behind_its_apostrophe(report):
    with table(report, "csv").open(encoding="utf-8", newline="") as file:
        names = [r["name"] for r in csv.DictReader(file)]
    for text, cell in zip(ALL, names, strict=True):
        assert re.sub("^'|(?<=[;\t])'(?==)", "", cell) == BROKEN.sub("\ufffd", text)


def test_a_head_of_csv_is_no_formula_either():
    frame = pd.DataFrame({"=1+1": ["@x"]})
    assert table_text(frame) == "'=1+1\n'@x\n"


def test_parquet(report):
    held = pq.read_table(table(report, "parquet"))
    assert held.column_names == ["name", "amount", "=1+1"]
    assert held.column("name").to_pylist() == [BROKEN.sub("\ufffd", t) for t in ALL]


def test_pdf(report):
    """Every text can be read, none is markup of Typst, no link, no script, nothing of this machine's files."""
    reader = pypdf.PdfReader(report / "report.pdf")
    assert b"pdfuaid:part>1" in reader.trailer["/Root"]["/Metadata"].get_data()
    raw = b"".join(str(o.get_object()).encode("utf-8", "replace") for o in reader.xref_objStm) + str(dict(reader.trailer["/Root"])).encode()  # fmt: skip
    assert not re.search(rb"/JavaScript|/OpenAction|/Launch|/EmbeddedFile|/AA\b", raw)
    links = {
        str(a.get_object().get("/A", {}).get("/URI")) for p in reader.pages for a in p.get("/Annots") or []
    }
    assert links == {"https://evil.example"}  # what a notebook writes as Markdown may link; data never does
    text = squeezed("".join(p.extract_text() for p in reader.pages))
    assert "root:" not in text and "49" not in squeezed("".join(titles(reader.outline)))
    for said in HOSTILE:
        words_ = views.markup.plain(said)
        assert squeezed(words_)[:40] in text, said
    assert "n" * 60 in text


def squeezed(text: str) -> str:
    return re.sub(r"[\s\u200b\u00a0\ufffd]", "", text)


def titles(outline) -> list[str]:
    return [t for x in outline for t in (titles(x) if isinstance(x, list) else [x.title])]


def test_pdf_of_a_page_that_reads_no_file(tmp_path):
    """Even markup of Typst that reached the template as text would find no file outside its folder."""
    from helpers.terms.errors import RunFailed

    template = Path(pdf.__file__).with_name("picture.typ").read_text("utf-8")
    assert "eval(" not in template + Path(pdf.__file__).with_name("report.typ").read_text("utf-8")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9"><image xlink:href="/etc/passwd" width="9" height="9"/><image href="../../../../etc/passwd" width="9" height="9"/></svg>'
    with suppress(RunFailed):
        assert pdf.png(svg, 9)


def test_page(report):
    text = (report / "index.html").read_text("utf-8")
    tags = {
        n.tag
        for n in pdf.tree(page.clean(text[text.index("<body") :])).all("script", "iframe", "object", "svg")
    }
    assert not tags and "<script" not in text and "onerror=alert" not in re.sub(r"&lt;.*?&gt;", "", text)


def test_figures_draw_every_name():
    """One bar for each; dollars, backslashes, ten thousand letters and a megabyte are drawn, as paths without text."""
    rows = {t: (D(100 - i), D(90)) for i, t in enumerate(ALL)}
    frame = pd.DataFrame([(n, a, p) for n, (a, p) in rows.items()], columns=["ServiceName", "amount", "previous"], dtype=object)  # fmt: skip
    chart = views.charts.ranked(frame, currency="USD", month="2026-09", previous="2026-08", top=30)
    svg = chart.svg(chart.width)
    assert "<text" not in svg and "<script" not in svg and "onerror" not in svg
    assert len(svg) < 3_000_000 and len(chart.rows) == len(ALL)
    png = news.picture(news.Finding("t", "", svg, "a"))
    assert png.startswith(b"\x89PNG") and struct.unpack(">I", png[16:20])[0] == 840


def test_logs_and_screen(tmp_path):
    """A department's name cannot begin a line of the log or move the cursor of a terminal."""
    evil = "x\n2026-01-01 all is well\x1b[2J\u202e"
    parameters = results()["parameters"] | {"department": evil}
    folder = finished(tmp_path / "r", "", words(), parameters=parameters)
    plan = tmp_path / "d.yaml"
    plan.write_text(
        f"- folder: {tmp_path}/out/{{department}}\n  formats: [json]\n- folder: {tmp_path}/file/x\n"
    )
    (tmp_path / "file").write_text("in the way")
    done = CliRunner().invoke(cli.main, ["deliver", str(folder), "--to", str(plan)])
    assert done.exit_code == 5
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e]", done.output)
    assert not [x for x in done.output.splitlines() if x.startswith("2026-01-01")]
    lines = (tmp_path / "r.deliveries.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 4 and all(json.loads(x)["state"] in ("intent", "sent", "failed") for x in lines)


def test_secrets_stay_out_of_logs(tmp_path, monkeypatch):
    from helpers.runs.secrets import masked

    for address, kept in (
        ("https://hooks.slack.com/services/T0/B0/abcdef", "hooks.slack.com"),
        ("https://x.webhook.office.com/webhookb2/11-22@33/IncomingWebhook/abc/def", "webhook.office.com"),
        ("https://prod-1.westeurope.logic.azure.com:443/workflows/abc/triggers/manual/paths/invoke?sig=zzz", "logic.azure.com"),
    ):  # fmt: skip
        said = masked(f"POST {address} failed")
        assert kept in said and not re.search("abcdef|abc/def|workflows/abc|zzz", said), said
    monkeypatch.setenv("HOOK", "https://hooks.slack.com/services/T0/B0/abcdef")
    one = delivery.read({"webhook": {"env": "HOOK"}, "format": "slack"}, "p")
    (target,) = one.targets(None)  # type: ignore[arg-type]
    assert "abcdef" not in target + repr(one)
