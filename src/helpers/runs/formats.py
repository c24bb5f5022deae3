"""A finished report in the forms that people ask for: page, PDF, workbook, CSV, Parquet, results.

All are made from what the run left (the executed notebook, its results), so that no form can say anything else than
the page, and a form can be added to a report that was made long ago.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers.terms.errors import BadInput, UsageError

FORMATS = ("html", "pdf", "xlsx", "csv", "parquet", "json")
TABLES = "tables"  # folder of the tables as CSV and Parquet
PDF = "report.pdf"


def check(formats: Sequence[str], where: str = "") -> tuple[str, ...]:
    """The formats asked for, each once, in the kit's order.

    Raises
    ------
    UsageError
        An unknown one; the nearest is named.

    Examples
    --------
    >>> check(["PDF", "html", "pdf"])
    ('html', 'pdf')
    """
    from helpers.runs.parameters import nearest

    asked = [f.strip().lower() for f in formats if f.strip()]
    for name in asked:
        if name not in FORMATS:
            raise UsageError(
                f"no format {name[:40]!r}",
                f"one of {', '.join(FORMATS)}",
                nearest(name, FORMATS) or "take one of them",
                file=where or None,
            )
    return tuple(f for f in FORMATS if f in asked)


def files(report: Path, name: str) -> list[Path]:
    """The files of a report that make up one format, as far as they are there."""
    if name in ("csv", "parquet"):
        own = [report / "actions.csv"] if name == "csv" else []
        return [p for p in [*own, *sorted((report / TABLES).glob(f"*.{name}"))] if p.is_file()]
    one = {"html": "index.html", "pdf": PDF, "xlsx": "tables.xlsx", "json": "results.json"}[name]
    return [report / one] if (report / one).is_file() else []


def write(report: Path, formats: Sequence[str]) -> list[Path]:
    """Write the formats asked for into a report's folder; what is there already stays as it is.

    Parameters
    ----------
    report : Path
        Folder of a report, or of one that is being made: ``notebook.ipynb`` stands in it. Where it has a manifest, the
        new files join its list.
    formats : sequence of str
        Of `FORMATS`.

    Returns
    -------
    list of Path
        All files of these formats, in the order of `FORMATS`.

    Raises
    ------
    UsageError
        An unknown format.
    BadInput
        The folder holds no executed notebook of the kit.
    """
    asked = check(formats)
    missing = [f for f in asked if not _whole(report, f)]
    if missing:
        from helpers.runs import outputs
        from helpers.views import words

        book, path = _book(report), report / "manifest.json"
        manifest = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        with words.use(manifest.get("language", "")):  # the page's, whenever a form is added
            for name in missing:
                _MAKERS[name](report, book)
        if manifest:
            outputs.write_manifest(report, manifest)
    return [p for f in asked for p in files(report, f)]


def _whole(report: Path, name: str) -> bool:
    found = files(report, name)
    return any(p.parent.name == TABLES for p in found) if name in ("csv", "parquet") else bool(found)


def _book(report: Path) -> Any:
    from helpers.terms.quick import skip_grammar

    skip_grammar()
    from nbformat import v4

    path = report / "notebook.ipynb"
    try:
        return v4.reads(path.read_text("utf-8"))
    except (OSError, ValueError, KeyError, AttributeError) as problem:
        raise BadInput(
            "no executed notebook that can be read",
            "the folder of a report as finops report leaves it",
            "make the report again",
            file=str(path),
        ) from problem


def _put(path: Path, make: Callable[[Path], Any]) -> None:
    """A file whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    half = path.with_name(f".{path.name}.part")
    try:
        make(half)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def _title(book: Any) -> str:
    from helpers.catalog import notebooks
    from helpers.runs import outputs
    from helpers.terms.errors import KitError
    from helpers.views.words import term

    found = outputs.results(book)
    try:
        name = term(notebooks.title(notebooks.find(found["notebook"])))
    except (KitError, OSError, ValueError):  # a notebook of one's own, which is not here any more
        name = str(found["notebook"])
    return f"{name}, {found['month']}"


def _html(report: Path, book: Any) -> None:
    from helpers.views import page

    _put(report / "index.html", lambda p: p.write_text(page.render(book, title=_title(book)), "utf-8"))


def _json(report: Path, book: Any) -> None:
    from helpers.runs import outputs

    text = outputs.results_text(outputs.results(book))
    _put(report / "results.json", lambda p: p.write_text(text, "utf-8"))


def _pdf(report: Path, book: Any) -> None:
    from helpers.runs import outputs
    from helpers.views import pdf

    made = pdf.render(book, outputs.results(book), title=_title(book))
    _put(report / PDF, lambda p: p.write_bytes(made))


def _found(book: Any) -> Mapping[str, Any]:
    from helpers.runs import outputs

    return outputs.shown(outputs.results(book))


def _xlsx(report: Path, book: Any) -> None:
    from helpers.runs import sheets

    _put(report / "tables.xlsx", lambda p: sheets.write_xlsx(p, _found(book)))


def _csv(report: Path, book: Any) -> None:
    from helpers.runs import sheets

    for sheet in sheets.sheets(_found(book)):
        text = sheets.csv_text(sheet)
        _put(report / TABLES / f"{sheet.file}.csv", lambda p, t=text: p.write_bytes(t.encode()))


def _parquet(report: Path, book: Any) -> None:
    from helpers.runs import sheets

    for sheet in sheets.sheets(_found(book)):
        _put(report / TABLES / f"{sheet.file}.parquet", lambda p, s=sheet: sheets.write_parquet(p, s))


_MAKERS = {"html": _html, "pdf": _pdf, "xlsx": _xlsx, "csv": _csv, "parquet": _parquet, "json": _json}
