"""A page's worker: a process that holds one store open and runs notebooks for pages, one after another.

It talks with the server over one socket, a line of JSON each way: jobs in, pieces of clean HTML out. It serves viewers
of equal rights and one state of the store only; the server ends it when either changes. It is forked from a warm
process (`helpers.runs.zygote`) that has opened nothing, so that its first run has nothing left to import.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from helpers.terms.errors import KitError

OUT_OF_MEMORY = "This page needed more memory than the server has for it."
BUG = "This page stopped because of an error that is not yours. The server’s log says why."


class Left(Exception):
    """Nobody waits for the page any more, or somebody else is before it."""


class Line:
    """Lines of JSON over a socket."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel, self.rest = channel, b""

    def send(self, **said: Any) -> None:
        """One line out."""
        self.channel.sendall(json.dumps(said, ensure_ascii=False).encode("utf-8", "replace") + b"\n")

    def lines(self) -> Iterator[dict[str, Any]]:
        """Lines in, until the other side closes."""
        while True:
            while b"\n" in self.rest:
                line, _, self.rest = self.rest.partition(b"\n")
                yield json.loads(line)
            more = self.channel.recv(65536)
            if not more:
                return
            self.rest += more

    def heard(self) -> bool:
        """Whether the other side has said something, or has gone."""
        return bool(self.rest) or bool(select.select([self.channel], [], [], 0)[0])


def work(channel: socket.socket, hold: Callable[[], None] = lambda: None) -> None:
    """Serve jobs until the server closes the channel.

    Parameters
    ----------
    channel : socket
    hold : callable, optional
        Called once before the first job: for tests of what a worker does when it is hindered.
    """
    from helpers.runs import session

    os.environ["FINOPS_MODE"] = "app"
    session.keep_open()
    line = Line(channel)
    line.send(pid=os.getpid())
    hold()
    for job in line.lines():
        if job.get("stop"):  # came too late: the job was over
            continue
        try:
            if job["do"] == "page":
                line.send(done=_page(job, line))
            elif job["do"] == "facts":
                line.send(done=facts(Path(job["data"]), job.get("as_of", "")))
            elif job["do"] == "formats":
                line.send(done=_formats(job))
        except Left:
            line.send(left=True)
        except MemoryError:
            line.send(stopped=OUT_OF_MEMORY, kind="MemoryError", bug=True)
            return
        except KitError as refused:
            line.send(stopped=for_reader(refused), kind=type(refused).__name__, bug=False)
        except Exception as problem:
            _log(job, problem)
            line.send(stopped=BUG, kind=type(problem).__name__, bug=True)
        finally:
            sys.stderr.flush()


def for_reader(problem: KitError) -> str:
    """What the kit says, without the place on this machine.

    Examples
    --------
    >>> for_reader(KitError("the file is missing", "every file", file="/srv/store/a.parquet"))
    'the file is missing\\n  needed: every file'
    """
    return str(
        type(problem)(problem.found, problem.needed, problem.remedy, row=problem.row, column=problem.column)
    )


def _log(job: Mapping[str, Any], problem: BaseException) -> None:
    from helpers.runs.secrets import masked

    said = "".join(traceback.format_exception(problem))
    sys.stderr.write(f"[reference {job.get('reference', '')}] {job.get('notebook', '')}\n{masked(said)}\n")


def _page(job: Mapping[str, Any], line: Line) -> dict[str, Any]:
    """Run a notebook for a page; each cell's outputs go out as they are made."""
    from helpers.catalog import notebooks
    from helpers.runs import app, engine
    from helpers.runs.session import RESULTS
    from helpers.views import controls

    path = Path(job["notebook"])
    notebook = notebooks.read(path, "app", {"data": job["data"], **job["given"]})
    shell: Any = engine._shell()
    choices: dict[str, Any] = {}
    results: dict[str, Any] = {}
    try:
        for index, cell in enumerate(notebook.cells):
            if line.heard():
                raise Left
            if cell.cell_type == "markdown":
                made = app.prose(cell)
            elif cell.cell_type == "code" and cell.source.strip():
                stopped = engine._run(shell, cell)
                if stopped is not None:
                    raise stopped
                for output in cell.outputs:
                    data = output.get("data", {})
                    choices = data.get(controls.CHOICES, choices)
                    results = data.get(RESULTS, results)
                made = "\n".join(filter(None, map(app.piece, cell.outputs)))
            else:
                continue
            if made:
                line.send(part=f"c{index}", html=made)
        run = shell.user_ns.get("run")
        shown = getattr(run, "facts", None)
    finally:
        shell.reset(new_session=False)
        shell.restore_sys_module_state()
        _close_figures()
    _write_notebook(job, notebook)
    return {"choices": choices, "results": results, "facts": _said(shown) if shown else {}}


def _write_notebook(job: Mapping[str, Any], notebook: Any) -> None:
    """Keep the executed notebook where the server asked for it: from it a PDF or a workbook can be made later."""
    if job.get("keep"):
        import gzip

        import nbformat

        text, file = nbformat.writes(notebook), Path(job["keep"])
        half = file.with_name(f".{file.name}-{os.getpid()}")
        with suppress(OSError):  # a full disk costs the downloads, not the page
            half.write_bytes(gzip.compress(text.encode("utf-8", "replace"), 1, mtime=0))
            half.replace(file)


def _close_figures() -> None:
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def _said(facts: Any) -> dict[str, Any]:
    return {
        "company": facts.company,
        "month": facts.month,
        "as_of": facts.as_of.isoformat(),
        "currency": facts.currency,
        "rows": facts.rows,
        "scope": facts.scope,
        "open": facts.open,
    }


def facts(folder: Path, as_of: str = "") -> dict[str, Any]:
    """What a store holds, for the portal: plain data."""
    from helpers.runs import session
    from helpers.terms.period import parse_day

    opened = session.open_store(session._store(str(folder)), parse_day(as_of) if as_of else None)
    held, snapshot = opened.held, opened.snapshot
    newest: dict[str, str] = {}
    for delivery in snapshot["deliveries"]:
        newest[delivery["source"]] = max(newest.get(delivery["source"], ""), delivery["delivered"][:10])
    return {
        "company": session._company(held),
        "as_of": snapshot["as_of"],
        "months": sorted({r["month"] for r in held}),
        "providers": sorted({r["provider"] for r in held} - {""}),
        "departments": sorted({r["department"] for r in held} - {""}),
        "currencies": sorted({r["currency"] for r in held} - {""}),
        "rows": sum(r["rows"] for r in held),
        "sources": newest,
        "exact": bool(opened.reconciliation.exact),
    }


def _formats(job: Mapping[str, Any]) -> dict[str, Any]:
    """Make a download from an executed notebook: the file's path in the folder given."""
    import gzip

    import nbformat

    from helpers.runs import formats, outputs

    folder, kind = Path(job["folder"]), job["format"]
    notebook = nbformat.reads(gzip.decompress(Path(job["keep"]).read_bytes()).decode("utf-8"), as_version=4)
    outputs.write(folder, notebook, job["title"])
    return {"files": [str(p) for p in formats.write(folder, [kind])]}
