"""Tiny notebooks for the tests of runs: most open no store, so that a failure costs little."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PARAMETERS = 'data: str = "store"  # folder of the store\nmonth: str = ""  # YYYY-MM\n'

# What `Run.finish` hands out, without a store behind it.
FINISH = """
from IPython.display import display
display({"application/vnd.finops.kit+json": {
    "notebook": "tiny", "kit": "0", "month": month or "2026-09", "open": False, "as_of": "2026-10-05",
    "currency": "USD", "parameters": {"month": month}, "headline": "Tiny", "kpis": [], "change": [], "actions": [],
    "tables": {}, "reconciliation": [], "data": {}}}, raw=True)
"""


def notebook(path: Path, *cells: str, parameters: str = PARAMETERS, finish: bool = True) -> Path:
    """Write a notebook of `cells` with a cell of parameters before and results handed out after them."""
    made = [
        new_markdown_cell("# Tiny"),
        new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        *(new_code_cell(c) for c in cells),
    ]
    if finish:
        made += [new_code_cell(FINISH)]
    meta = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=made, metadata=meta), path)
    return path
