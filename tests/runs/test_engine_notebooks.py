"""``papermill --engine kit`` leaves in the kit's own notebooks what stock papermill leaves, pictures pixel by pixel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from tests.conftest import ROOT
from tests.runs.test_engine import pixels

from helpers.catalog import notebooks

ENV = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
ENV |= {"PYTHONPATH": str(ROOT / "src"), "FINOPS_MODE": "report"}


def papermill(prepared: Path, to: Path, store: Path, *words: str) -> list[list[dict]]:
    """The stock command; outputs of each code cell."""
    asked = ["-p", "month", "2026-09", "-r", "data", str(store)]
    command = [sys.executable, "-m", "papermill", str(prepared), str(to), "--no-progress-bar", *asked, *words]
    done = subprocess.run(command, env=ENV, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    book = nbformat.read(to, as_version=4)
    return [[dict(o) for o in c.outputs] for c in book.cells if c.cell_type == "code"]


def compared(output: dict) -> tuple[str, list[str]]:
    """All of an output but its pictures, as text; and the pictures."""
    data = dict(output.get("data", {}))
    pictures = [data.pop(k) for k in ("image/png", "image/jpeg") if k in data]
    told = json.dumps(output | {"data": data, "pictures": len(pictures)}, sort_keys=True)
    return re.sub(r"\b0x[0-9a-f]{6,}", "0x", told), pictures


@pytest.mark.slow
@pytest.mark.parametrize("notebook", notebooks.ids())
def test_every_output_equals_stock_papermills(larkspur, tmp_path, notebook):
    if not any(e.name == "kit" for e in metadata.entry_points(group="papermill.engine")):
        pytest.skip("the kit is not installed, so papermill does not know its engine")
    prepared = tmp_path / "in.ipynb"
    nbformat.write(notebooks.read(notebooks.find(notebook), "report"), prepared)
    stock = papermill(prepared, tmp_path / "stock.ipynb", larkspur)
    ours = papermill(prepared, tmp_path / "kit.ipynb", larkspur, "--engine", "kit")
    assert len(ours) == len(stock)
    shown = pictures = 0
    for number, (one, other) in enumerate(zip(ours, stock, strict=True)):
        assert len(one) == len(other), f"code cell {number}"
        for mine, theirs in zip(one, other, strict=True):
            (text, drawn), (wanted, wanted_drawn) = compared(mine), compared(theirs)
            assert text == wanted, f"code cell {number}"
            for png, wanted_png in zip(drawn, wanted_drawn, strict=True):
                assert pixels(png).shape == pixels(wanted_png).shape
                assert (pixels(png) == pixels(wanted_png)).all()
            shown += 1
            pictures += len(drawn) + text.count("data:image/svg+xml")
    assert shown >= 8 and pictures >= 2  # an engine that loses pictures would look faster
