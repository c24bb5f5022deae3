"""Small notebooks whose pages hang, die, grow or stop on request, and folders that stand for a store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

CODE = """
import os, signal, time
from IPython.display import HTML
from helpers.views import controls
from helpers.terms.errors import UsageError
if department == "stop": raise UsageError("no department 'stop'", "one of a, b", "choose one")
if department == "bug": raise KeyError("/srv/secret/path")
if department == "hang": time.sleep(600)
if department == "die": os.kill(os.getpid(), signal.SIGKILL)
if department == "grow": held = bytearray(os.urandom(1)) * 700_000_000; time.sleep(20)
if department == "memory": raise MemoryError
if department.startswith("slow"): time.sleep(0.6)
if department == "once" and not os.path.exists(data + "/once"): open(data + "/once", "w").close(); os.kill(os.getpid(), signal.SIGKILL)
if department == "moves":
    log = data + "/charges/_delta_log"
    open(log + f"/{len(os.listdir(log)):020d}.json", "w").close()
shown = f"{department or 'all'} {month or '2026-09'}"
"""
CHOICES = """
controls.explore({"month": ["2026-09", "2026-08"], "department": ["", "a", "b"]},
                 {"month": month or "2026-09", "department": department}, lambda **k: None)
"""


class Loop:
    """An event loop in a thread of its own: that of the browser tests may be running in this one."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, Any], timeout: float = 300) -> Any:
        """Wait for some work and give its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)

    def close(self) -> None:
        """Stop the loop; processes started from it end with its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


def notebook(folder: Path, name: str = "small") -> Path:
    """A notebook with parameters, something that may go wrong, controls, a heading and two more cells."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    nb = new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    nb.cells = [
        new_markdown_cell(f"# A {name} page"),
        new_code_cell('data = "store"\nmonth = ""\ndepartment = ""', metadata={"tags": ["parameters"]}),
        new_code_cell(CODE + "# begin("),
        new_code_cell(CHOICES, metadata={"tags": ["app"]}),
        new_code_cell('HTML(f"<h1>{shown}</h1>")'),
        new_code_cell("if department.startswith('slow'): time.sleep(0.6)"),
        new_code_cell('HTML(f"<p>worker {os.getpid()}</p>")'),
    ]
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.ipynb"
    nbformat.write(nb, path)
    return path


def store(folder: Path) -> Path:
    """A folder that has a state like a store's."""
    log = folder / "charges" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020d}.json").write_text("{}")
    return folder


def commit(folder: Path) -> None:
    """Change the state of such a folder."""
    log = folder / "charges" / "_delta_log"
    (log / f"{len(list(log.iterdir())):020d}.json").write_text("{}")
