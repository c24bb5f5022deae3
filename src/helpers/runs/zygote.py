"""A warm process that forks workers: everything imported, a picture drawn, no store and no database opened.

The server starts it and keeps one socket to it. Each message brings the end of a new worker's channel as a file
descriptor; the zygote forks, and the child serves that channel (`helpers.runs.worker`). When the server goes, however it
goes, the socket closes, the zygote ends, and its workers end with it.

References
----------
Which parents can be forked safely was measured: DuckDB, Arrow and matplotlib imported but not used with an open database.
DuckDB, "Concurrency" (duckdb.org/docs, read 2026-11-26): a connection belongs to the process that opened it.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from helpers.terms.errors import KitError

QUIET = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
LIBRARIES = (
    "papermill", "duckdb", "pyarrow", "pyarrow.compute", "pandas", "deltalake", "ibis", "ibis.backends.duckdb",
    "matplotlib.pyplot", "seaborn", "nh3", "markdown_it", "nbformat", "IPython.core.interactiveshell", "scipy.stats",
    "helpers.runs.engine", "helpers.runs.app", "helpers.runs.outputs", "helpers.runs.session", "helpers.data.store",
    "helpers.catalog", "helpers.measures", "helpers.views", "helpers.views.charts", "helpers.views.controls",
)  # fmt: skip


def main(words: Sequence[str]) -> None:
    """Serve the socket whose number is the first word; the others name notebooks whose imports are done ahead."""
    from helpers.runs.report import end_with_parent

    channel = socket.socket(fileno=int(words[0]))
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's to handle; it closes our socket
    warm([Path(w) for w in words[1:]])
    channel.sendall(b"R")
    listening = True
    while listening:
        if select.select([channel], [], [], 1.0)[0]:
            message, fds, _, _ = socket.recv_fds(channel, 1, 1)
            listening = bool(message)
            if fds:
                _fork(channel, fds[0])
        _reap()
    os._exit(0)  # the workers are told by the system: see end_with_parent


def warm(notebooks: Sequence[Path] = ()) -> None:
    """Import what pages need and draw a picture, without opening anything."""
    import importlib

    from helpers.terms.quick import skip_grammar

    skip_grammar()
    for name in LIBRARIES:
        importlib.import_module(name)
    for notebook in notebooks:
        for name in _imported(notebook):
            with suppress(Exception):  # a notebook that is broken says so on its own page
                importlib.import_module(name)
    from helpers.views import look, theme

    with suppress(KitError):  # a page says it; read now, so that all workers have the look of the server
        look.current()
    drawing = theme.Canvas(200, 100)  # finds the fonts, which takes longer than all pictures of a page
    drawing.text(10, 10, "Warm 0123456789", bold=True)
    drawing.svg()
    gc.collect()
    gc.freeze()  # a child that collects garbage would else copy every page of memory that it looks at


def _imported(notebook: Path) -> list[str]:
    """Modules of the kit that a notebook's cells import."""
    import ast
    import json

    try:
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        return []
    found: list[str] = []
    for cell in cells:
        try:
            tree = ast.parse("".join(cell.get("source", ""))) if cell.get("cell_type") == "code" else None
        except SyntaxError:
            continue
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers"):
                found += [str(node.module), *(f"{node.module}.{a.name}" for a in node.names)]
    return found


def _fork(channel: socket.socket, fd: int) -> None:
    from helpers.runs.report import end_with_parent

    parent = os.getpid()
    if os.fork():
        os.close(fd)
        return
    status = 1
    try:
        channel.close()
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        end_with_parent(parent)
        _first_to_go()
        serve(fd)
        status = 0
    finally:
        os._exit(status)


def serve(fd: int) -> None:
    """Be a worker on this file descriptor."""
    from helpers.runs import worker

    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)  # a cell that asks gets no answer, not a wait
    os.dup2(2, 1)  # nothing of a notebook's stands on the server's own output
    worker.work(socket.socket(fileno=fd))


def _reap() -> None:
    while True:
        try:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                return
        except ChildProcessError:
            return


def _first_to_go() -> None:
    """If the machine runs out of memory, a page's worker ends before anything else does."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("700", "ascii")


def may_fork() -> bool:
    """Whether workers are forked; elsewhere each starts anew, more slowly."""
    return sys.platform == "linux"


def start(notebooks: Sequence[Path]) -> tuple[Any, socket.socket]:
    """Start the zygote: its process, and the socket to it."""
    return _started("main(sys.argv[1:])", *map(str, notebooks))


def alone() -> tuple[Any, socket.socket]:
    """A worker started anew, where one cannot be forked: its process, and the channel to it."""
    return _started("serve(int(sys.argv[1]))")


def _started(what: str, *words: str) -> tuple[Any, socket.socket]:
    import subprocess

    ours, theirs = socket.socketpair()
    code = f"import sys; from helpers.runs import zygote; zygote.{what}"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(theirs.fileno()), *words],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )
    theirs.close()
    return process, ours


def environment() -> dict[str, str]:
    """The server's environment for a worker: with the kit's own folder, without the server's secrets."""
    found = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    secret = ("TOKEN", "PASSWORD", "SECRET", "CREDENTIAL", "PRIVATE_KEY", "ACCESS_KEY")
    kept = {k: v for k, v in os.environ.items() if not any(s in k.upper() for s in secret)}
    return kept | QUIET | {"PYTHONPATH": found, "FINOPS_MODE": "app"}
