"""The warm parent: one process with every import done and no database open, which forks a child for each report.

It has one thread of Python and does nothing but fork, so that no lock can be held in the moment of a fork. Each task is
done by a keeper (one fork) that makes the report with `runs.report` (whose child is the second fork): what one report
did to its process no other report sees. Who asked and this parent hold a pipe; when it breaks, however that came about,
the parent ends its keepers and itself.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from helpers.terms import errors
from helpers.terms.errors import KitError, Refused, RunFailed

GRACE = 4.0  # how long a keeper may take to clear away what it was at [s]
SPARE = 60.0  # beyond a task's own limit, before its keeper is ended [s]
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


# --- the parent's side: runs as a process of its own -----------------------------------------------------------------


def serve() -> None:
    """Warm up, then fork for each task that stands on stdin, one JSON line each; answers go to stdout."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # who asked decides
    out = os.dup(1)
    os.dup2(2, 1)  # a library that prints does not print between the answers
    lock = os.environ.get("FINOPS_BATCH_LOCK")
    if lock:
        _held(Path(lock))
    warm(data=os.environ.get("FINOPS_BATCH_DATA") != "no")
    gc.collect()
    gc.freeze()
    _say(out, {"ready": True, "threads": threading.active_count(), "loaded": len(sys.modules)})
    try:
        _Parent(out).run()
    finally:
        if scratch := os.environ.get("FINOPS_BATCH_SCRATCH"):
            shutil.rmtree(scratch, ignore_errors=True)


def _held(path: Path) -> None:
    """Hold this lock as long as any process of this parent lives: a batch that comes after waits for the last."""
    from filelock import FileLock, Timeout

    with suppress(Timeout, OSError):
        _LOCKS.append(FileLock(path))
        _LOCKS[-1].acquire(timeout=5)


_LOCKS: list[Any] = []


def warm(data: bool = True) -> None:
    """Import what reports import, and let the libraries for pictures and pages find what they look for once.

    Parameters
    ----------
    data : bool, default True
        Also what reads a store; notebooks that read none do without.
    """
    from helpers.terms.quick import skip_grammar

    skip_grammar()
    import importlib
    import pkgutil

    import nbformat

    import helpers
    from helpers.runs import engine

    ours = ("helpers.runs.outputs", "helpers.runs.sheets", "helpers.runs.formats", "helpers.runs.report")
    for name in ("IPython.core.completerlib", "IPython.core.magics", *ours):
        importlib.import_module(name)
    from helpers.views import page

    engine.register()
    cells = [nbformat.v4.new_markdown_cell("# Warm")]
    page.render(nbformat.v4.new_notebook(cells=cells), title="Warm")
    if not data:
        return
    # not matplotlib_inline's backend: it is told of the shell that stands when it is imported (docs/decisions/0004)
    for name in (
        "deltalake", "duckdb", "duckdb.func", "ibis", "ibis.backends.duckdb", "ibis.formats.numpy",
        "ibis.formats.pandas", "ibis.formats.pyarrow", "pandas", "pyarrow.dataset", "pyarrow.pandas_compat", "pyarrow.parquet", "xlsxwriter",
    ):  # fmt: skip
        importlib.import_module(name)
    for layer in ("terms", "data", "measures", "models", "catalog", "actions", "views"):
        package = importlib.import_module(f"{helpers.__name__}.{layer}")
        for found in pkgutil.iter_modules(package.__path__):
            with suppress(ImportError):
                importlib.import_module(f"{package.__name__}.{found.name}")
    import ibis

    from helpers.catalog import kpis
    from helpers.views import warming

    importlib.import_module("helpers.runs.session")

    # an expression compiled without a connection: the dialect's tables are built now
    table: Any = ibis.table({"a": "decimal(38, 18)", "b": "string"}, name="t")
    ibis.to_sql(table.group_by("b").aggregate(total=table.a.sum(where=table.b == "x")), dialect="duckdb")
    kpis.records()
    warming.warm()


class _Parent:
    """The loop: tasks in, forks, words out."""

    def __init__(self, out: int) -> None:
        self.out = out
        self.keepers: dict[int, _Keeper] = {}
        self.ending = 0.0
        signal.signal(signal.SIGTERM, self._stop)
        self.said = b""

    def _stop(self, *_: Any) -> None:
        self.ending = self.ending or time.monotonic()

    def run(self) -> None:
        import select

        open_ = True
        while open_ or self.keepers:
            watched = [k.pipe for k in self.keepers.values() if k.pipe >= 0] + ([0] if open_ else [])
            ready = select.select(watched, [], [], 0.05 if self.keepers else 0.5)[0]
            if 0 in ready and not self._listen():
                open_ = False
                self._stop()  # who asked is gone
            for keeper in list(self.keepers.values()):
                if keeper.pipe in ready:
                    keeper.relay(self.out)
                self._reap(keeper)
            if self.ending:
                open_ = False
                self._end()

    def _listen(self) -> bool:
        got = os.read(0, 1 << 16)
        if not got:
            return False
        *lines, self.said = (self.said + got).split(b"\n")
        for line in lines:
            task = json.loads(line)
            if task["do"] == "end":
                keeper = next((k for k in self.keepers.values() if k.task["id"] == task["which"]), None)
                if keeper:
                    keeper.end()
            elif not self.ending:
                self._start(task)
        return True

    def _start(self, task: Mapping[str, Any]) -> None:
        here, there = os.pipe()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as problem:  # no memory or no process left: this task fails, the parent lives on
            os.close(here)
            os.close(there)
            _say(self.out, {"id": task["id"], "wrong": {"error": "RunFailed", "found": f"no process for it: {os.strerror(problem.errno or 0)}"}})  # fmt: skip
            return
        if pid == 0:
            os.close(here)
            _keep(task, there, parent)
        os.close(there)
        self.keepers[pid] = _Keeper(pid, here, task)

    def _reap(self, keeper: _Keeper) -> None:
        done, status = os.waitpid(keeper.pid, os.WNOHANG)
        if not done:
            if time.monotonic() > keeper.until:
                keeper.end()
            return
        keeper.relay(self.out)
        if not keeper.answered:
            code = os.waitstatus_to_exitcode(status)
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with {code} and no word"
            _say(self.out, {"id": keeper.task["id"], "wrong": {"error": "RunFailed", "found": f"its process was ended {how}"}})  # fmt: skip
        if keeper.pipe >= 0:
            os.close(keeper.pipe)
        del self.keepers[keeper.pid]

    def _end(self) -> None:
        for keeper in self.keepers.values():
            keeper.end()


class _Keeper:
    """A fork at work."""

    def __init__(self, pid: int, pipe: int, task: Mapping[str, Any]) -> None:
        self.pid, self.pipe, self.task = pid, pipe, task
        self.until = time.monotonic() + float(task.get("limit") or 3600.0) + SPARE
        self.answered = False
        self.asked = 0.0  # when it was asked to end
        self.said = b""
        os.set_blocking(pipe, False)

    def relay(self, out: int) -> None:
        """Pass on what it has said, whole lines only."""
        while self.pipe >= 0:
            try:
                got = os.read(self.pipe, 1 << 16)
            except BlockingIOError:
                break
            if not got:
                os.close(self.pipe)
                self.pipe = -1
                break
            *lines, self.said = (self.said + got).split(b"\n")
            for line in lines:
                self.answered = self.answered or b'"section"' not in line[:60]
                _write(out, line + b"\n")

    def end(self) -> None:
        """Ask it to end and clear away; after a while it is ended."""
        now = time.monotonic()
        if not self.asked:
            self.asked = now
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
        elif now > self.asked + GRACE:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def _keep(task: Mapping[str, Any], pipe: int, parent: int) -> NoReturn:
    """A keeper's life: do the task, say how it ended, be gone."""
    from helpers.runs import report
    from helpers.runs.batch import work

    status = 1
    try:
        os.setsid()
        report.end_with_parent(parent)
        signal.signal(signal.SIGTERM, _interrupt)
        number = task["id"]
        told = {"id": number} | _done(
            work.DO[task["do"]], task["with"], lambda s: _say(pipe, {"section": s, "id": number})
        )
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.set_blocking(pipe, True)
        _say(pipe, told)
        status = 0
    finally:
        os._exit(status)


def _done(go: Callable[..., Any], words: Mapping[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
    try:
        return {"done": go(**words, tell=tell)}
    except KitError as problem:
        return {"wrong": problem.record() | {"notes": list(getattr(problem, "__notes__", []))}}
    except KeyboardInterrupt:
        return {"wrong": {"error": "Stopped", "found": "stopped"}}
    except OSError as problem:
        found = os.strerror(problem.errno) if problem.errno else str(problem)
        return {"wrong": {"error": "Refused", "found": found, "needed": "a disk with room that may be written", "remedy": "make room or grant access; the next run makes what is missing"}}  # fmt: skip
    except BaseException as problem:
        import traceback

        traceback.print_exception(problem)
        return {"wrong": {"error": "RunFailed", "found": f"{type(problem).__name__}: {str(problem)[:300]}"}}


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def _say(out: int, told: Mapping[str, Any]) -> None:
    _write(out, (json.dumps(told, ensure_ascii=False, default=str) + "\n").encode("utf-8", "replace"))


def _write(out: int, line: bytes) -> None:
    with suppress(BrokenPipeError):
        while line:
            line = line[os.write(out, line) :]


# --- the side of who asks --------------------------------------------------------------------------------------------


class Stopped(KitError):
    """The task was ended from outside."""


class Gone(RunFailed):
    """The warm parent ended while the task ran."""


class Warm:
    """A warm parent, started when the first task comes and again when it was lost. Usable from several threads.

    Parameters
    ----------
    log : Path
        Where it writes what libraries say.
    lock : Path, optional
        A lock that it and all its forks hold.
    data : bool, default True
        Whether its tasks read stores.
    scratch : Path, optional
        A folder that goes with it, also when who asked is killed: charges of all departments may stand in it.
    """

    def __init__(
        self, log: Path, lock: Path | None = None, data: bool = True, scratch: Path | None = None
    ) -> None:
        if not hasattr(os, "fork"):
            raise Refused(
                "a system without fork",
                "Linux, macOS or the Windows Subsystem for Linux",
                "run the batch there",
            )
        self.log, self.lock, self.data, self.scratch = log, lock, data, scratch
        self.starts = 0
        self._ids = itertools.count(1)
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._asked: dict[int, tuple[Future[Any], Callable[[str], None] | None, Any]] = {}
        self._closed = False

    def start(self) -> None:
        """Start it now, so that it warms up while something else is done."""
        with self._guard:
            self._running()

    def submit(
        self, do: str, *, limit: float = 3600.0, tell: Callable[[str], None] | None = None, **words: Any
    ) -> Future[Any]:
        """Have a task of `work.DO` done in a fork; its result, or the `KitError` that stopped it."""
        future: Future[Any] = Future()
        with self._guard:
            if self._closed:
                raise Stopped("stopped")
            process = self._running()
            number = next(self._ids)
            self._asked[number] = future, tell, process
            future.number = number  # type: ignore[attr-defined]
            line = json.dumps({"id": number, "do": do, "limit": limit, "with": words}) + "\n"
            try:
                process.stdin.write(line.encode())  # type: ignore[union-attr]
                process.stdin.flush()  # type: ignore[union-attr]
            except OSError:
                del self._asked[number]
                future.set_exception(self._gone())
        return future

    def close(self, wait: float = 8.0) -> None:
        """End it with all that it is at; nothing of it runs when this returns."""
        with self._guard:
            self._closed = True
            process = self._process
        if process is None:
            return
        with suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                process.kill()
            process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        from helpers.runs.report import search_path

        env = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
        env |= {"PYTHONPATH": search_path()} | dict.fromkeys(ONE_THREAD, "1")
        if not self.data:
            env["FINOPS_BATCH_DATA"] = "no"
        if self.scratch:
            env["FINOPS_BATCH_SCRATCH"] = str(self.scratch)
        if self.lock:
            env["FINOPS_BATCH_LOCK"] = str(self.lock)
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from helpers.runs.batch import warm; warm.serve()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=env,
                start_new_session=True,
            )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        return self._process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        for line in process.stdout:  # type: ignore[union-attr]
            with suppress(ValueError):
                told = json.loads(line)
                if "id" in told:
                    self._answer(told)
        process.wait()
        with self._guard:
            lost = [n for n, (_, _, its) in self._asked.items() if its is process]
            futures = [self._asked.pop(n)[0] for n in lost]
        for future in futures:
            with suppress(InvalidStateError):
                future.set_exception(self._gone())

    def _gone(self) -> Gone:
        try:
            last = self.log.read_text("utf-8", errors="replace").strip().splitlines()[-1][:200]
        except (OSError, IndexError):
            last = "without a word"
        return Gone(f"the warm process ended: {last}", "one that lives", f"{self.log} has more")

    def _answer(self, told: Mapping[str, Any]) -> None:
        if "section" in told:
            tell = self._asked.get(told["id"], (None, None, None))[1]
            if tell:
                tell(told["section"])
            return
        with self._guard:
            future = self._asked.pop(told["id"], (None, None, None))[0]
        if future is None:
            return
        with suppress(InvalidStateError):
            if "wrong" in told:
                future.set_exception(problem(told["wrong"]))
            else:
                future.set_result(told["done"])


def problem(told: Mapping[str, Any]) -> KitError:
    """The error that a task ended with, as it was raised there."""
    kind = Stopped if told.get("error") == "Stopped" else errors.kind(told.get("error")) or RunFailed
    made = kind.told(told)
    for note in told.get("notes", ()):
        made.add_note(note)
    return made
