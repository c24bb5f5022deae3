"""Notebooks by id: where they stand, what each way of reading leaves out, and copies made so.

References
----------
Sections, tags and budgets: docs/add-a-notebook.md; tests/structure/test_notebooks.py holds every notebook to them.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helpers.terms.errors import UsageError

LEFT_OUT = {  # way of reading -> tags of the cells that it leaves out
    "learner": {"solution"},
    "lesson": {"solution"},
    "report": {"lesson", "exercise", "solution", "app"},
    "app": {"lesson", "exercise", "solution"},
}
TAGS = {"parameters", "lesson", "exercise", "solution", "app"}
INJECTED = "injected-parameters"
_PACKAGE = Path(__file__).parents[1]


def folder(name: str) -> Path:
    """``notebooks`` or ``playbooks``: of the working copy where there is one, else as shipped in the wheel."""
    here = _PACKAGE.parents[1] / name
    return here if (_PACKAGE.parents[1] / "pyproject.toml").is_file() else _PACKAGE / "_shipped" / name


def ids() -> list[str]:
    """Ids (stems) of all notebooks, sorted."""
    return sorted(p.stem for p in folder("notebooks").glob("*.ipynb"))


def find(notebook: str | Path) -> Path:
    """The file of a notebook, given by id or by path.

    Raises
    ------
    UsageError
        If there is none; the nearest id is named.
    """
    given = Path(notebook)
    if given.suffix == ".ipynb" and given.is_file():
        return given
    if str(notebook) in ids():
        return folder("notebooks") / f"{notebook}.ipynb"
    nearest = difflib.get_close_matches(str(notebook), ids(), 1)
    raise UsageError(
        f"no notebook {str(notebook)!r}",
        f"one of {', '.join(ids()) or 'none installed'}, or the path of an .ipynb file",
        f"did you mean {nearest[0]}?" if nearest else "finops report --help lists them",
    )


def tags(cell: Any) -> set[str]:
    """Tags of a cell."""
    return set(cell.metadata.get("tags", []))


def read(notebook: Path, mode: str, parameters: Mapping[str, str] | None = None) -> Any:
    """The notebook as one way of reading has it: cells left out, outputs gone, parameters set.

    Parameters
    ----------
    notebook : Path
    mode : str
        A key of `LEFT_OUT`.
    parameters : mapping, optional
        Name to text; see `inject`.

    Returns
    -------
    nbformat.NotebookNode
    """
    import nbformat

    nb = nbformat.read(notebook, as_version=4)
    nb.cells = [c for c in nb.cells if not LEFT_OUT[mode] & tags(c)]
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if mode == "app":
        nb.cells = _controls_first(nb.cells)
    inject(nb, parameters or {})
    return nb


def inject(nb: Any, parameters: Mapping[str, str]) -> None:
    """Put a cell that sets `parameters` behind the last cell of parameters, as papermill does."""
    import nbformat

    if not parameters:
        return
    at = [i for i, c in enumerate(nb.cells) if {"parameters", INJECTED} & tags(c)]
    source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": [INJECTED]})
    nb.cells.insert(at[-1] + 1 if at else 0, cell)


def title(notebook: Path) -> str:
    """First heading of the notebook, else its id."""
    import nbformat

    for cell in nbformat.read(notebook, as_version=4).cells:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else []:
            if line.startswith("# "):
                return line[2:].strip()
    return notebook.stem


def _controls_first(cells: list) -> list:
    """A reader chooses before reading: code cells tagged `app` follow the cell that begins the run."""
    rest = [c for c in cells if "app" not in tags(c)]
    controls = [c for c in cells if "app" in tags(c) and c.cell_type == "code"]
    code = [i for i, c in enumerate(rest) if c.cell_type == "code"]
    begin = next((i for i in code if "begin(" in rest[i].source), code[-1] if code else 0)
    return rest[: begin + 1] + controls + rest[begin + 1 :]
