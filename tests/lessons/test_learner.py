"""The learner's copy: no solutions, data that open from anywhere, whole or not at all, nobody's work lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.catalog.notebooks import tags
from helpers.lessons import learner
from helpers.terms.errors import Refused, UsageError


@pytest.fixture
def store(tmp_path):
    """What a store looks like from outside: its mark, a table with a log, a data file, a lock and leftovers."""
    made = tmp_path / "company" / "store"
    for name, text in {
        "kit.json": '{"format": 1}',
        "charges/_delta_log/00000000000000000000.json": "{}",
        "charges/part.parquet": "x" * 1000,
        ".lock": "",
        ".staging/left/over.parquet": "y",
    }.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text)
    return made


@pytest.fixture
def notebook(tmp_path):
    """A notebook with every kind of cell."""

    def code(source, *names):
        return new_code_cell(source, metadata={"tags": list(names)}, execution_count=3)

    nb = new_notebook(
        cells=[
            new_markdown_cell("# The month"),
            code('data: str = "store"  # folder of the store\nas_of: str = ""  # YYYY-MM-DD', "parameters"),
            code("print(data)"),
            code("controls()", "app"),
            code("aside", "lesson"),
            code("answer = ...\nexercise(run, 1).check(answer)", "exercise"),
            code("start = 1\n### BEGIN SOLUTION\nsecret_way = 2\n### END SOLUTION\nstart", "exercise"),
            code("secret_solution", "solution"),
        ]
    )
    path = tmp_path / "month.ipynb"
    nbformat.write(nb, path)
    return path


@pytest.fixture(autouse=True)
def _any_folder_is_a_store(monkeypatch):
    from helpers.data import store as stores

    monkeypatch.setattr(stores, "need", lambda folder: Path(folder))


def test_the_copy_has_no_solution_and_its_own_data(notebook, store, tmp_path):
    made = learner.write(notebook, tmp_path / "lesson", store, as_of="2026-10-05")
    text = made.read_text()
    assert "secret" not in text
    assert "BEGIN SOLUTION" not in text
    nb = nbformat.read(made, as_version=4)
    assert {t for c in nb.cells for t in tags(c)} == {"parameters", "app", "lesson", "exercise"}
    assert 'data: str = "store"  # folder of the store' in nb.cells[1].source
    assert 'as_of: str = "2026-10-05"' in nb.cells[1].source
    assert all(c.get("execution_count") is None and not c.get("outputs") for c in nb.cells)
    copied = {
        p.relative_to(made.parent / "store").as_posix()
        for p in (made.parent / "store").rglob("*")
        if p.is_file()
    }
    assert copied == {"kit.json", "charges/_delta_log/00000000000000000000.json", "charges/part.parquet"}
    assert "jupyter lab month.ipynb" in (made.parent / "README.md").read_text()
    assert not (made.parent / "FACILITATOR.md").exists()
    assert str(tmp_path) not in text + (made.parent / "README.md").read_text(), "the copy can be moved"


def test_a_large_store_is_pointed_to(notebook, store, tmp_path, monkeypatch):
    monkeypatch.setattr(learner, "COPIED_UP_TO", 100)
    made = learner.write(notebook, tmp_path / "lesson", store)
    assert f'data: str = "{store.resolve()}"' in nbformat.read(made, as_version=4).cells[1].source
    assert not (made.parent / "store").exists()


def test_a_folder_with_anything_else_is_refused_and_left_alone(notebook, store, tmp_path):
    to = tmp_path / "mine"
    to.mkdir()
    (to / "letter.txt").write_text("dear")
    with pytest.raises(Refused, match="something else"):
        learner.write(notebook, to, store)
    assert [p.name for p in to.iterdir()] == ["letter.txt"]


def test_an_untouched_copy_is_replaced_and_worked_in_one_is_kept(notebook, store, tmp_path):
    to = tmp_path / "lesson"
    learner.write(notebook, to, store)
    made = learner.write(notebook, to, store, as_of="2026-10-05")
    assert "2026-10-05" in made.read_text()
    made.write_text(made.read_text().replace("answer = ...", "answer = 7"))
    with pytest.raises(Refused, match=r"worked in it: month\.ipynb"):
        learner.write(notebook, to, store)
    assert "answer = 7" in made.read_text()
    learner.write(notebook, tmp_path / "other", store)
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(Refused, match=r"notes\.txt"):
        learner.write(notebook, tmp_path / "other", store)


@pytest.mark.parametrize("earlier", [False, True])
def test_a_failure_leaves_what_was_there(notebook, store, tmp_path, monkeypatch, earlier):
    to = tmp_path / "lesson"
    if earlier:
        learner.write(notebook, to, store)
    before = {p: p.read_bytes() for p in to.rglob("*") if p.is_file()}

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(learner.shutil, "copytree", full)
    with pytest.raises(OSError, match="No space"):
        learner.write(notebook, to, store)
    assert {p: p.read_bytes() for p in to.rglob("*") if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".lesson")] == [], "no scratch stays"


def test_an_unknown_notebook_is_named(store, tmp_path):
    with pytest.raises(UsageError, match="no notebook"):
        learner.write("practitionerkpis", tmp_path / "lesson", store)


def test_the_guide_has_minutes_mistakes_and_answers(notebook, store, tmp_path, run):
    named = notebook.with_name("practitioner_kpis.ipynb")
    shutil.copy(notebook, named)
    made = learner.write(named, tmp_path / "lesson", store, begin=lambda *_, **__: run)
    text = (made.parent / "FACILITATOR.md").read_text()
    from helpers.lessons.exercises import exercise, makers

    minutes = 25
    for number in range(1, len(makers("practitioner_kpis")) + 1):
        e = exercise(run, number)
        minutes += e.minutes + (e.minutes + 1) // 2
        assert f"## Exercise {number}: {e.title} ({e.minutes} minutes)" in text
        assert f"**Answer:** {e.shown(e.solution)}" in text
        assert all(m.why in text and e.shown(m.answer) in text for m in e.mistakes)
        assert e.watch in text
    assert f"| **all** | **{minutes}** |" in text
    assert "187.75 USD" in text
    assert json.loads((made.parent / "lesson.json").read_text())["files"].keys() >= {"FACILITATOR.md"}
