"""The in-process engine gives what a kernel gives: the same cells run by stock papermill are the measure."""

from __future__ import annotations

import base64
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from papermill import PapermillExecutionError

ROOT = Path(__file__).resolve().parents[2]
CELLS = {
    "streams": "import sys\nprint('one')\nprint('two', file=sys.stderr)\nprint('three')",
    "same stream twice": "print('a', end='')\nprint('b')\nprint()",
    "print then display": "from IPython.display import display, HTML\nprint('before')\ndisplay(HTML('<b>x</b>'))\nprint('after')",
    "value": "6 * 7",
    "no value": "None",
    "value kept quiet": "6 * 7;",
    "comment only": "# nothing to run",
    "empty": "",
    "underscore": "_",
    "frame": "import pandas\npandas.DataFrame({'team': ['a', 'b'], 'cost': [1.5, None]})",
    "picture": "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots(figsize=(2, 1.5))\naxes.plot([1, 3, 2])\nplt.show()",
    "picture left open": "plt.plot([3, 1, 2])",
    "two pictures": "plt.figure(figsize=(1, 1)); plt.plot([1, 2])\nplt.figure(figsize=(1, 2)); plt.bar([1, 2], [2, 1]);",
    "figure as value": "plt.figure(figsize=(1, 1)).add_subplot()\nplt.gcf()",
    "figure displayed": "made, _axes = plt.subplots(figsize=(1, 1))\ndisplay(made)\nplt.close(made)",
    "display id": "handle = display('waiting', display_id='here')\nprint('between')",
    "update": "handle.update('done')\nprint('updated')",
    "update in its cell": "again = display({'text/plain': 'first'}, raw=True, display_id=True)\nagain.update({'text/plain': 'second'}, raw=True)",
    "rich object": (
        "class Rich:\n    def _repr_mimebundle_(self, include=None, exclude=None):\n"
        "        return {'text/plain': 'plain', 'text/html': '<i>rich</i>', 'application/x-own+json': {'a': [1]}}, {'text/html': {'isolated': True}}\n"
        "Rich()"
    ),
    "rich displayed": "display(Rich(), Rich())",
    "html and latex": "from IPython.display import Latex, Markdown, JSON, SVG\ndisplay(Latex('$x$'), Markdown('**m**'), JSON({'a': 1}))",
    "bytes": "display({'image/png': b'\\x89PNG\\r\\n', 'text/plain': 'p'}, raw=True)",
    "cleared": "from IPython.display import clear_output\nprint('gone')\nclear_output()\nprint('stays')",
    "cleared in wait": "print('old')\nclear_output(wait=True)\nprint('new')",
    "wait without more": "print('kept')\nclear_output(wait=True)",
    "await": "import asyncio\nawait asyncio.sleep(0)\nprint('slept')\nawait asyncio.sleep(0, 'value')",
    "magic": "%precision 3\n1.23456",
    "last of many": "x = 5\nx\nx + 1",
    "expected error": "print('up to here')\n1 / 0",
    "goes on": "print('x is', x)",
    "shell variables": "Out[4], In[0], _4",
    "unicode": "print('Zürich → €')\n'naïve'",
    "warning": "import warnings\nwarnings.warn_explicit('look', UserWarning, 'here.py', 7)",
    "logging": "import logging\nlogging.getLogger('kit-test').warning('logged')",
    "help": "len?",
    "subprocess": "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True).stdout",
    "syntax error": "def broken(:",
    "raised with words": "class Own(Exception):\n    pass\nraise Own('line one\\nline two')",
    "name error": "nowhere",
    "exit by error": "raise KeyError('k')",
}
RAISES = {"expected error", "syntax error", "raised with words", "name error", "exit by error"}


def book(cells: dict[str, str] = CELLS):
    made = []
    for name, source in cells.items():
        cell = new_code_cell(source)
        cell.metadata["name"] = name
        cell.metadata["tags"] = ["raises-exception"] if name in RAISES else []
        made.append(cell)
    meta = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return new_notebook(cells=made, metadata=meta)


def execute(folder, made, engine: str | None):
    import papermill

    if engine == "kit":
        from helpers.runs import engine as ours

        ours.register()
    source, target = folder / "in.ipynb", folder / f"{engine or 'stock'}.ipynb"
    nbformat.write(made, source)
    words = {"engine_name": engine, "kernel_name": "python3", "progress_bar": False}
    papermill.execute_notebook(str(source), str(target), **words)
    return nbformat.read(target, as_version=4)


ALONE = """
import sys, papermill
from helpers.runs import engine
engine.register()
papermill.execute_notebook(sys.argv[1], sys.argv[2], engine_name="kit", kernel_name="python3", progress_bar=False)
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The fixture notebook run by a kernel and by us, in a process without pytest: cells by name."""
    folder = tmp_path_factory.mktemp("engine")
    with pytest.raises(PapermillExecutionError, match="KeyError"):
        # papermill raises an error when all has run, also an expected one
        execute(folder, book(), None)
    words = [sys.executable, "-c", ALONE, str(folder / "in.ipynb"), str(folder / "kit.ipynb")]
    env = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"} | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    assert "PapermillExecutionError" in done.stderr
    ran = {e: nbformat.read(folder / f"{e or 'stock'}.ipynb", as_version=4) for e in (None, "kit")}
    return {e: {c.metadata["name"]: c for c in nb.cells if "name" in c.metadata} for e, nb in ran.items()}


def pixels(png: str):
    import numpy
    from matplotlib import image

    return numpy.asarray(image.imread(io.BytesIO(base64.b64decode(png))))


def plain(outputs):
    """Outputs without what differs from run to run.

    Addresses; a picture's bytes (its pixels are compared); a cell's file name in a kernel's scratch folder; and the
    order of stdout against stderr, which a kernel sends by a timer while we keep it as it was.
    """
    found = []
    for output in outputs:
        one = dict(output)
        if one["output_type"] == "stream" and found and found[-1]["output_type"] == "streams":
            found[-1]["text"][one["name"]] = found[-1]["text"].get(one["name"], "") + one["text"]
            continue
        if one["output_type"] == "stream":
            one = {"output_type": "streams", "text": {one["name"]: one["text"]}}
        if one["output_type"] == "error":
            one |= {"traceback": None, "evalue": re.sub(r"\(\S+, line", "(the cell, line", one["evalue"])}
        if "data" in one:
            one["data"] = {
                k: re.sub(r"0x[0-9a-f]+", "0x", v) if isinstance(v, str) else v
                for k, v in one["data"].items()
            }
            if len(one["data"].get("image/png", "")) > 100:
                one["data"]["image/png"] = "a picture"
        found.append(one)
    return found


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_leaves_what_a_kernel_leaves(both, name):
    stock, ours = both[None][name], both["kit"][name]
    assert plain(ours.outputs) == plain(stock.outputs)
    assert ours.execution_count == stock.execution_count
    pictures = [[o.data.get("image/png", "") for o in c.outputs if "data" in o] for c in (ours, stock)]
    for one, other in zip(*pictures, strict=True):
        if len(one) > 100:
            assert pixels(one).shape == pixels(other).shape
            assert (pixels(one) == pixels(other)).all()


def test_pictures_are_there(both):
    pictures = [
        sum("image/png" in o.get("data", {}) for o in both["kit"][name].outputs)
        for name in ("picture", "picture left open", "two pictures", "figure as value", "figure displayed")
    ]
    assert pictures == [1, 1, 2, 2, 1]


def test_an_error_says_its_line(both):
    (error,) = [o for o in both["kit"]["expected error"].outputs if o.output_type == "error"]
    assert "1 / 0" in "".join(error.traceback)
    assert (error.ename, error.evalue) == ("ZeroDivisionError", "division by zero")


@pytest.mark.parametrize("engine", [None, "kit"])
def test_an_error_stops_the_notebook_and_marks_its_cell(tmp_path, engine):
    cells = {"fine": "seen = 1", "bad": "raise ValueError('no')", "never": "print('never')"}
    with pytest.raises(PapermillExecutionError, match="no"):
        execute(tmp_path, book(cells), engine)
    kept = nbformat.read(tmp_path / f"{engine or 'stock'}.ipynb", as_version=4)
    states = {c.metadata["name"]: c.metadata.papermill for c in kept.cells if "name" in c.metadata}
    assert {n: s["status"] for n, s in states.items()} == {
        "fine": "completed",
        "bad": "failed",
        "never": "pending",
    }
    assert states["bad"]["exception"] is True


def test_what_stopped_a_run_is_known_to_its_caller(tmp_path):
    from helpers.runs import engine

    code = "from helpers.terms.errors import NotReconciled\nraise NotReconciled('2 cents', 'none', 'look')"
    with pytest.raises(PapermillExecutionError):
        execute(tmp_path, book({"bad": code}), "kit")
    assert engine.InProcess.stopped_by.remedy == "look"


def test_a_second_run_sees_nothing_of_the_first(tmp_path):
    execute(tmp_path, book({"first": "left_behind = 1\nimport builtins\n_odd = 2"}), "kit")
    cells = {"second": "sorted(n for n in ('left_behind', '_odd') if n in globals())", "count": "print(1)"}
    second = execute(tmp_path, book(cells), "kit")
    assert second.cells[0].outputs[0].data["text/plain"] == "[]"
    assert [c.execution_count for c in second.cells] == [1, 2]


def test_a_second_run_shows_its_pictures_too(tmp_path):
    cells = {
        "one": "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        "two": "plt.plot([2, 1])\nplt.show()",
    }
    for _ in range(2):
        ran = execute(tmp_path, book(cells), "kit")
        assert ["image/png" in c.outputs[-1].get("data", {}) for c in ran.cells] == [True, True]
        assert [len(c.outputs) for c in ran.cells] == [1, 1]


def test_the_order_of_the_two_streams_is_kept(both):
    said = [(o.name, o.text) for o in both["kit"]["streams"].outputs]
    assert said == [("stdout", "one\n"), ("stderr", "two\n"), ("stdout", "three\n")]


def test_streams_and_the_screen_are_as_before(tmp_path, capsys):
    before = sys.stdout, sys.stderr, sys.displayhook, sys.modules["__main__"]
    execute(tmp_path, book({"noisy": "print('inside')\n1"}), "kit")
    assert (sys.stdout, sys.stderr, sys.displayhook, sys.modules["__main__"]) == before
    assert "inside" not in capsys.readouterr().out


@pytest.mark.parametrize("first", ["papermill", "helpers.runs.engine"])
def test_the_engine_and_papermill_are_imported_in_either_order(first):
    """Papermill imports its engines while it is imported; what stops a run is told before any cell, too."""
    code = (
        f"import pathlib, sys, {first}\n"
        "from helpers.runs import engine, report\n"
        "from helpers.terms.errors import Damaged\n"
        "told = report._told(Damaged('a file is gone', 'it', 'look'), pathlib.Path())\n"
        "engine.register()\n"
        "from papermill.engines import papermill_engines\n"
        "assert papermill_engines.get_engine('kit') is engine.InProcess\n"
        "assert papermill_engines.nb_language('kit', None, 'python') == 'python'\n"
        "print(told['kind'], told['remedy'])"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert done.stdout.split() == ["Damaged", "look"], done.stderr
