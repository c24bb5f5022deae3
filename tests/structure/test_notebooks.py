"""Every notebook keeps to the pattern of docs/add-a-notebook.md: sections, tags, budgets, no outputs, no typed numbers."""

from __future__ import annotations

import ast
import copy
import re
import statistics
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.catalog.notebooks import TAGS, tags
from helpers.lessons.exercises import makers

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SECTIONS = ("Numbers", "Pictures", "Try it", "Decide", "Exercises", "Sources")
MOST_CELLS, MOST_LINES, USUAL_LINES = 20, 8, 3
MOST_PARAMETERS = 12
TEACHING = {"exercise", "solution"}


def problems(nb, stem: str) -> list[str]:
    """Everything by which a notebook strays from the pattern, as sentences."""
    found = []
    code = [c for c in nb.cells if c.cell_type == "code"]
    told = [c for c in code if not TEACHING & tags(c)]
    found += [f"cell {c.id}: stored with outputs" for c in code if c.outputs or c.execution_count]
    found += [f"unknown tag {t}" for c in nb.cells for t in sorted(tags(c) - TAGS)]
    found += _parameters([c for c in code if "parameters" in tags(c)], code)
    if len(told) > MOST_CELLS:
        found.append(f"{len(told)} code cells besides exercises, at most {MOST_CELLS}")
    lines = {c.id: len([x for x in c.source.splitlines() if x.strip()]) for c in told}
    most = {c.id: MOST_PARAMETERS if "parameters" in tags(c) else MOST_LINES for c in told}
    found += [f"cell {i}: {n} lines, at most {most[i]}" for i, n in lines.items() if n > most[i]]
    if lines and statistics.median(lines.values()) > USUAL_LINES:
        found.append(f"half of the cells have more than {USUAL_LINES} lines")
    for c in told:
        nodes = ast.walk(ast.parse(c.source))
        if any(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for n in nodes):
            found.append(f"cell {c.id}: def or class outside exercises")
    found += [
        f"cell {c.id}: a number in prose" for c in nb.cells if c.cell_type == "markdown" and _number(c.source)
    ]
    found += _sections(nb, stem)
    found += _exercises(code, stem)
    if nb.metadata.get("widgets"):
        found.append("stored widget state")
    return found


def _parameters(cells, code) -> list[str]:
    if len(cells) != 1 or cells[0] is not code[0]:
        return ["the first code cell, and no other, is tagged parameters"]
    found = []
    for node in ast.parse(cells[0].source).body:
        line = cells[0].source.splitlines()[node.lineno - 1]
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Constant):
            found.append(f"parameters: {line!r} is not a literal")
        elif not isinstance(node.value.value, str):
            found.append(f"parameters: {line!r} is no text")
        elif not re.search(r"#\s*\w+", line.split(node.value.value or '""', 1)[-1]):
            found.append(f"parameters: {line!r} has no comment")
    return found


def _number(source: str) -> bool:
    """Digits outside of links' targets, code and the numbers of exercises."""
    bare = re.sub(r"\]\([^)]*\)|<https?:[^>]*>|https?://\S+|`[^`]*`", "", source)
    return bool(re.search(r"\d", re.sub(r"\bExercise \d+\b", "", bare)))


def _sections(nb, stem: str) -> list[str]:
    first = nb.cells[0]
    found = []
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        found.append("the first cell is no title")
    if f"../playbooks/{stem}.md" not in first.source:
        found.append("the first cell has no link to the playbook")
    headings = [
        line[3:].strip()
        for c in nb.cells
        if c.cell_type == "markdown"
        for line in c.source.splitlines()
        if line.startswith("## ")
    ]
    at = [next((i for i, h in enumerate(headings) if h.startswith(s)), None) for s in SECTIONS]
    if None in at or at != sorted(at, key=lambda i: -1 if i is None else i):
        found.append(f"sections {', '.join(headings)}: needed in this order {', '.join(SECTIONS)}")
    return found


def _exercises(code, stem: str) -> list[str]:
    asked = [c for c in code if "exercise" in tags(c)]
    solved = [c for c in code if "solution" in tags(c)]
    if not asked:
        return ["no exercises"]
    numbers = [re.findall(r"exercise\(run, (\d+)\)", c.source) for c in asked]
    answers = [re.findall(r"exercise\(run, (\d+)\)", c.source) for c in solved]
    every = [[str(n)] for n in range(1, len(makers(stem)) + 1)]
    found = [] if numbers == every else [f"exercise cells {numbers}, the module has {len(every)}"]
    return found + ([] if answers == every else [f"solution cells {answers}, the module has {len(every)}"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_keeps_to_the_pattern(path):
    nb = nbformat.read(path, as_version=4)
    nbformat.validate(nb)
    assert problems(nb, path.stem) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_has_its_playbook(path):
    assert (ROOT / "playbooks" / f"{path.stem}.md").is_file()


def test_there_is_a_notebook():
    assert NOTEBOOKS, "the pattern is held by nothing"


# The rules themselves, each on a notebook that breaks it: a rule that cannot fire holds nothing.


@pytest.fixture
def good():
    """A small notebook that keeps to the pattern."""

    def code(source, *names):
        return new_code_cell(source, metadata={"tags": list(names)})

    cells = [
        new_markdown_cell("# The month\n\nSee the [playbook](../playbooks/practitioner_kpis.md)."),
        code('data: str = "store"  # folder of the store\nmonth: str = ""  # YYYY-MM', "parameters"),
        code("from helpers.runs import begin\nrun = begin(data)"),
        *(new_markdown_cell(f"## {name}") for name in SECTIONS[:2]),
        new_markdown_cell(f"## {SECTIONS[2]}"),
        code("controls.explore(run)", "app"),
        new_markdown_cell(f"## {SECTIONS[3]}"),
        new_markdown_cell(f"## {SECTIONS[4]}", metadata={"tags": ["exercise"]}),
    ]
    for number in range(1, len(makers("practitioner_kpis")) + 1):
        cells.append(code(f"answer = ...\nexercise(run, {number}).check(answer)", "exercise"))
        cells.append(code(f"def f():\n    return 1\nexercise(run, {number}).check(f())", "solution"))
    cells.append(new_markdown_cell(f"## {SECTIONS[5]}\n\n[FOCUS](https://focus.finops.org/1.4) and `x_Kit1`"))
    return new_notebook(cells=cells)


def test_a_good_notebook_has_no_problems(good):
    assert problems(good, "practitioner_kpis") == []


def _add(nb, cell):
    nb.cells.insert(3, cell)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda nb: nb.cells[2].outputs.append(new_output("stream", text="x")), "outputs"),
        (lambda nb: nb.cells[2].update(execution_count=1), "outputs"),
        (lambda nb: _add(nb, new_code_cell("1", metadata={"tags": ["exercises"]})), "unknown tag"),
        (lambda nb: nb.cells[1].metadata.update(tags=[]), "tagged parameters"),
        (lambda nb: nb.cells[1].update(source='data = "a" + "b"  # x'), "not a literal"),
        (lambda nb: nb.cells[1].update(source="days = 3  # days"), "no text"),
        (lambda nb: nb.cells[1].update(source='month = ""'), "no comment"),
        (lambda nb: [_add(nb, new_code_cell("x")) for _ in range(20)], "besides exercises"),
        (lambda nb: _add(nb, new_code_cell("x\n" * 9)), "9 lines"),
        (lambda nb: nb.cells[1].update(source='a = ""  # x\n' * 13), "13 lines, at most 12"),
        (lambda nb: [_add(nb, new_code_cell("x\n" * 4)) for _ in range(4)], "half of the cells"),
        (lambda nb: _add(nb, new_code_cell("def f(): pass")), "def or class"),
        (lambda nb: _add(nb, new_markdown_cell("Cost grew 6 %.")), "number in prose"),
        (lambda nb: nb.cells[0].update(source="The month"), "no title"),
        (lambda nb: nb.cells[0].update(source="# The month"), "link to the playbook"),
        (lambda nb: nb.cells[3].update(source="## Figures"), "sections"),
        (lambda nb: nb.cells.pop(-2), "solution cells"),
        (lambda nb: nb.cells.pop(-3), "exercise cells"),
        (lambda nb: nb.metadata.update(widgets={"x": 1}), "widget state"),
    ],
)
def test_each_rule_fires(good, spoil, said):
    nb = copy.deepcopy(good)
    spoil(nb)
    assert any(said in p for p in problems(nb, "practitioner_kpis")), problems(nb, "practitioner_kpis")
