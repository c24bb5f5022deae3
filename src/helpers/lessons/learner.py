"""A learner's copy: a folder with the notebook without its solutions, the data, and what to do first."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.catalog import notebooks
from helpers.terms.errors import Refused

MARK = "lesson.json"  # says that the folder is ours, and what its files were
STORE = "store"
COPIED_UP_TO = 500_000_000  # [bytes]; a larger store is pointed to instead
SOLUTION = re.compile(
    r"^[ \t]*### BEGIN SOLUTION.*?^[ \t]*### END SOLUTION[^\n]*\n?", re.DOTALL | re.MULTILINE
)


def write(
    notebook_id: str | Path, to: Path, data: Path, *, begin: Callable[..., Any] | None = None, as_of: str = ""
) -> Path:
    """Write a learner's copy of a notebook with its data, whole or not at all.

    Parameters
    ----------
    notebook_id : str or Path
    to : Path
        Folder: absent, empty, or an earlier learner's copy in which nobody has worked yet.
    data : Path
        The store. It is copied when it has up to 500 MB, else pointed to.
    begin : callable, optional
        ``helpers.runs.begin``; with it also ``FACILITATOR.md`` is written: minutes, likely mistakes, and the answers on
        these data.
    as_of : str
        Day ``YYYY-MM-DD`` that the lesson takes as its today; empty for that of the newest delivery.

    Returns
    -------
    Path
        The notebook to open.

    Raises
    ------
    Refused
        If the folder holds anything else, or a learner has worked in it.
    """
    import nbformat

    from helpers.data import store as stores

    source, to = notebooks.find(notebook_id), Path(to)
    data = stores.need(data)
    before = _may_take(to)
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent) as scratch:
        made = Path(scratch) / "lesson"
        made.mkdir()
        copied = _size(data) <= COPIED_UP_TO
        if copied:
            copy_store(data, made / STORE)
        nb = notebooks.read(source, "learner")
        for cell in nb.cells:
            cell.source = SOLUTION.sub("", cell.source)
        set_parameters(nb, {"data": STORE if copied else str(data.resolve()), "as_of": as_of})
        nbformat.write(nb, made / source.name)
        (made / "README.md").write_text(_readme(source, copied), "utf-8")
        if begin:
            from helpers.lessons import guide

            (made / "FACILITATOR.md").write_text(
                guide.text(source, begin(source.stem, data=str(data), as_of=as_of)), "utf-8"
            )
        ours = {p.name: _hash(p) for p in made.iterdir() if p.is_file()}
        (made / MARK).write_text(json.dumps({"notebook": source.stem, "files": ours}, indent=1), "utf-8")
        _swap(made, to, Path(scratch) / "before" if before else None)
    return to / source.name


def set_parameters(nb: Any, values: dict[str, str]) -> None:
    """Write `values` into the cell tagged ``parameters`` in place, its comments kept; a learner sees one cell.

    Examples
    --------
    >>> import nbformat.v4 as v4
    >>> cell = v4.new_code_cell('data = "x"  # the store', metadata={"tags": ["parameters"]})
    >>> set_parameters(v4.new_notebook(cells=[cell]), {"data": "store"}); cell.source
    'data = "store"  # the store'
    """
    for cell in nb.cells:
        if "parameters" in notebooks.tags(cell):
            for name, value in values.items():
                line = re.compile(rf"^({re.escape(name)}\s*(?::\s*str\s*)?=\s*)([\"']).*?\2", re.MULTILINE)
                cell.source = line.sub(
                    lambda m, v=value: m[1] + json.dumps(v, ensure_ascii=False), cell.source
                )


def copy_store(data: Path, to: Path) -> None:
    """Copy a store that may be written meanwhile: first the tables' logs, then the files they name."""
    to.mkdir()
    logs = {p.parent.relative_to(data) for p in data.rglob("_delta_log/*")}
    for log in sorted(logs):
        shutil.copytree(data / log, to / log)
    unwanted = shutil.ignore_patterns("_delta_log", ".staging", ".lock*")
    shutil.copytree(data, to, ignore=unwanted, dirs_exist_ok=True)


def _may_take(to: Path) -> bool:
    """Whether `to` holds an earlier copy that may be replaced; refuses any other content."""
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return False
    try:
        ours = json.loads((to / MARK).read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError):
        raise Refused(
            "the folder holds something else",
            "an empty folder, or an earlier lesson of the kit",
            "choose another folder with --to",
            file=str(to),
        ) from None
    changed = [name for name, was in ours.items() if not (to / name).is_file() or _hash(to / name) != was]
    extra = {p.name for p in to.iterdir()} - set(ours) - {MARK, STORE, ".ipynb_checkpoints"}
    if changed or extra:
        raise Refused(
            f"somebody has worked in it: {', '.join(sorted({*changed, *extra}))}",
            "an untouched lesson, which a new one may replace",
            "choose another folder with --to, or move the work away first",
            file=str(to),
        )
    return True


def _swap(made: Path, to: Path, before: Path | None) -> None:
    if before:
        to.rename(before)
    elif to.exists():
        to.rmdir()  # empty
    try:
        made.rename(to)
    except OSError:
        if before:
            before.rename(to)
        raise


def _size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _readme(notebook: Path, copied: bool) -> str:
    held = (
        "The charges stand in `store/`, beside the notebook."
        if copied
        else "The charges stay in the store they came from."
    )
    return f"""# {notebooks.title(notebook)}: your copy

{held} Nothing you do here changes anybody else's data.

1. In a terminal, in this folder: `jupyter lab {notebook.name}`
2. Run the cells from the top, one by one, with Shift and Enter, and read what each one says.
3. At an exercise, write your answer in place of `...` and run the cell; or use the field below the question.
   A wrong answer is explained. You may try as often as you like.
4. Change a parameter in the second cell, such as `month`, and run everything again: Run, Restart Kernel and Run All
   Cells.

`jupyter` comes with the kit: `pip install finops-playbook-kit`.
"""
