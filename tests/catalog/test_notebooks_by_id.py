"""Notebooks by id, and what each way of reading leaves out."""

from __future__ import annotations

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.catalog import notebooks
from helpers.terms.errors import UsageError


@pytest.fixture
def path(tmp_path):
    """One cell of every tag, each named by its tag, with an output."""

    def code(source, *names):
        outputs = [new_output("stream", text="old")]
        return new_code_cell(source, metadata={"tags": list(names)}, outputs=outputs, execution_count=1)

    cells = [
        new_markdown_cell("intro\n\n# The month"),
        code('month = ""', "parameters"),
        code("run = begin(month)"),
        new_markdown_cell("## Numbers"),
        code("numbers"),
        new_markdown_cell("## Try it", metadata={"tags": ["app"]}),
        code("app", "app"),
        code("lesson", "lesson"),
        code("exercise", "exercise"),
        code("solution", "solution"),
    ]
    file = tmp_path / "month.ipynb"
    nbformat.write(new_notebook(cells=cells), file)
    return file


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        ("learner", ["numbers", "app", "lesson", "exercise"]),
        ("lesson", ["numbers", "app", "lesson", "exercise"]),
        ("report", ["numbers"]),
        ("app", ["app", "numbers"]),
    ],
)
def test_each_way_of_reading_leaves_out_its_tags(path, mode, kept):
    nb = notebooks.read(path, mode)
    code = [c for c in nb.cells if c.cell_type == "code"]
    assert [c.source for c in code][2:] == kept
    assert all(not c.outputs and c.execution_count is None for c in code)


def test_parameters_stand_behind_their_cell(path):
    nb = notebooks.read(path, "report", {"month": "2026-09", "department": "a'b\n\"c\\"})
    cell = nb.cells[2]
    assert notebooks.tags(cell) == {notebooks.INJECTED}
    names: dict = {}
    exec(cell.source, names)
    assert names["month"] == "2026-09"
    assert names["department"] == "a'b\n\"c\\"
    notebooks.inject(nb, {"month": "2026-08"})
    assert "2026-08" in nb.cells[3].source, "the last one wins"


def test_title_and_find(path):
    assert notebooks.title(path) == "The month"
    assert notebooks.find(path) == path
    with pytest.raises(UsageError, match="no notebook 'nothing'"):
        notebooks.find("nothing")
    with pytest.raises(UsageError):
        notebooks.find(path.with_name("other.ipynb"))
    for known in notebooks.ids():
        assert notebooks.find(known).stem == known
