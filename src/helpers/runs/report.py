"""One report: a notebook run in a child process, its files whole in their folder or not there at all.

The parent starts no notebook. It checks what it was given, forks, watches the child's time and memory, and swaps the
finished folder into place. Whatever ends the child (an error, a signal, the kernel's out-of-memory killer) leaves the
earlier report as it was and a record of what happened beside it.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from helpers.catalog import notebooks
from helpers.data.locks import sync
from helpers.runs import parameters
from helpers.runs.secrets import clean, masked
from helpers.terms import errors
from helpers.terms.errors import KitError, Refused, RunFailed, UsageError
from helpers.terms.quick import skip_grammar

FILES = ("index.html", "results.json", "actions.csv", "tables.xlsx", "notebook.ipynb", "manifest.json")
LATER = ("files", "tables", "report.pdf")  # what a report may hold beside these
EXCHANGE = 2  # renameat2's flag: two folders change places in one step
AT_FDCWD = -100
PR_SET_PDEATHSIG = 1
POLL = 0.05  # how often the parent looks at its child [s]


@dataclass(frozen=True)
class How:
    """How a batch has a report made; a report alone needs none of it.

    Attributes
    ----------
    child : str
        ``auto``: forked where that is safe; ``fork``: forked, by a caller whose process was warmed for it; ``fresh``: in
        a new interpreter.
    formats : tuple of str
        Further files (`helpers.runs.formats`), written before the folder is swapped into place.
    store : str
        The store that `pin` and `shared` are of.
    pin : dict
        The state of it to read (`helpers.data.delta.pin`); empty for the newest.
    shared : str
        What was made for all runs over that state (`helpers.data.shared.prepare`); empty for nothing.
    threads : int
        Cores for the engine; 0 for all.
    note : dict
        Kept in the manifest as ``batch``.
    """

    child: str = "auto"
    formats: tuple[str, ...] = ()
    store: str = ""
    pin: dict[str, Any] = field(default_factory=dict)
    shared: str = ""
    threads: int = 0
    note: dict[str, Any] = field(default_factory=dict)


def make(
    notebook_id: str | Path,
    to: Path,
    given: Mapping[str, str],
    *,
    timeout: float = 600.0,
    memory: int = 0,
    tell: Callable[[str], None] | None = None,
    how: How | None = None,
) -> dict[str, Any]:
    """Run a notebook and leave its report in `to`.

    Parameters
    ----------
    notebook_id : str or Path
    to : Path
        Folder; absent, empty, or an earlier report, which is replaced as a whole.
    given : mapping
        Parameter name to text; checked before anything starts.
    timeout : float, default 600
        Wall time allowed [s].
    memory : int, default 0
        Resident memory allowed [bytes]; 0 for no limit.
    tell : callable, optional
        Told each section as it begins.
    how : How, optional

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    UsageError
        An unknown parameter or notebook.
    Refused
        The folder holds something else, or another run writes it.
    RunFailed
        The notebook stopped; where its executed copy is kept.
    """
    path = notebooks.find(notebook_id)
    given = parameters.check(given, parameters.declared(path))
    to, how = Path(os.path.abspath(to)), how or How()  # noqa: PTH100 - a link in the path stays a link
    with _alone(to):
        _may_replace(to)
        _recover(to)
        scratch = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
        try:
            outcome = _in_child(path, scratch, given, timeout, memory, tell, how)
            if outcome.get("error"):
                raise _failed(outcome, scratch, to, path)
            for name in FILES:  # each must be there
                _flush(scratch / "report" / name)
            for path in (scratch / "report").rglob("*"):
                if path.is_file() and path.name not in FILES:
                    _flush(path)
            with suppress(OSError):  # not every system lets one flush a folder
                sync(scratch / "report")
            _swap(scratch / "report", to)
            with suppress(OSError):
                sync(to.parent)
            return json.loads((to / "manifest.json").read_text("utf-8"))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


# --- the child ------------------------------------------------------------------------------------------------------


def _in_child(
    path: Path,
    scratch: Path,
    given: Mapping[str, str],
    timeout: float,
    memory: int,
    tell: Callable[[str], None] | None,
    how: How,
) -> dict[str, Any]:
    """Run `_work` in a process of its own; what it wrote down, or how it ended."""
    forks = how.child == "fork" or (how.child == "auto" and _may_fork())
    child = (_forked if forks else _started)(path, scratch, given, how)
    ended = _watch(child, scratch, timeout, memory, tell)
    outcome = scratch / "outcome.json"
    if outcome.is_file():
        return json.loads(outcome.read_text("utf-8"))
    return {"error": ended, "needed": "a run that ends by itself", "remedy": _remedy(ended)}


@dataclass(frozen=True)
class _Child:
    """A running child: `poll` gives None while it runs, then its exit code (below 0: the signal); `end` ends it."""

    pid: int
    poll: Callable[[], int | None]
    end: Callable[[], None]


def _may_fork() -> bool:
    """Whether a fork is safe: threads of DuckDB, Arrow, Delta or Typst in this process would not live on in the child."""
    return hasattr(os, "fork") and not {"deltalake", "duckdb", "pyarrow", "typst"} & sys.modules.keys()


def _forked(path: Path, scratch: Path, given: Mapping[str, str], how: How) -> _Child:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setsid()  # its own group, so that whatever it started ends with it
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            end_with_parent(parent)
            _work(path, scratch, given, how)
            status = 0
        finally:
            os._exit(status)

    def poll() -> int | None:
        done, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if done else None

    def end() -> None:
        with suppress(ProcessLookupError, PermissionError):  # over in this moment, or not yet its own group
            os.killpg(pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    return _Child(pid, poll, end)


def _started(path: Path, scratch: Path, given: Mapping[str, str], how: How) -> _Child:
    """A fresh interpreter does the same work: on Windows, and in a process that has opened a store."""
    import subprocess

    code = "import json,sys; from helpers.runs import report; report.worked(json.loads(sys.argv[1]))"
    said = json.dumps(
        {"path": str(path.resolve()), "scratch": str(scratch), "given": dict(given), "how": asdict(how)}
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, said],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": search_path()},
    )

    def end() -> None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()

    return _Child(process.pid, process.poll, end)


def search_path() -> str:
    """``PYTHONPATH`` of a new interpreter that is to find this kit."""
    return os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])


def worked(said: Mapping[str, Any]) -> None:
    """The child's work where it cannot be forked."""
    how = said["how"] | {"formats": tuple(said["how"]["formats"])}
    _work(Path(said["path"]), Path(said["scratch"]), said["given"], How(**how))


def _watch(
    child: _Child, scratch: Path, timeout: float, memory: int, tell: Callable[[str], None] | None
) -> str:
    """Wait for the child; end it when it takes too long or too much. How it ended, in words."""
    until = time.monotonic() + timeout
    said, ended = "", ""
    try:
        while (code := child.poll()) is None:
            section = _section(scratch)
            if tell and section != said:
                tell(section)
                said = section
            if not ended:
                if time.monotonic() > until:
                    ended = f"it took longer than {timeout:g} s"
                elif memory and _resident(child.pid) > memory:
                    ended = f"it used more than {memory / 1e6:,.0f} MB of memory"
                if ended:
                    child.end()
            time.sleep(POLL)
    except BaseException:  # the person stopped us: the child stops too
        child.end()
        raise
    if ended:
        return ended
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}" + (
            " (the machine may have run out of memory)" if -code == signal.SIGKILL else ""
        )
    return f"its process ended with {code} and left no word"


def _resident(child: int) -> int:
    try:
        pages = Path(f"/proc/{child}/statm").read_text("ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _section(scratch: Path) -> str:
    try:
        return json.loads((scratch / "progress.json").read_text("utf-8"))["section"]
    except (OSError, ValueError):
        return ""


def _remedy(ended: str) -> str:
    if "longer" in ended:
        return "raise --timeout, or narrow the run with -p provider=… or -p department=…"
    if "memory" in ended:
        return "free memory or raise --memory; a department's report needs less than the whole company's"
    return "run it again; if it ends so again, open the notebook in JupyterLab and run it there"


def _work(path: Path, scratch: Path, given: Mapping[str, str], how: How) -> None:
    """Execute, render, write down: all inside the child. Never raises."""
    started, begun = datetime.now(UTC), time.perf_counter()
    end_with_parent()
    log = (scratch / "log.txt").open("w", encoding="utf-8")
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - a cell that asks gets no answer, not a wait
    os.dup2(sys.stdin.fileno(), 0)
    for stream in (1, 2):
        os.dup2(log.fileno(), stream)  # libraries' warnings go to the log, not on the person's screen
    executed = scratch / "notebook.ipynb"
    try:
        _settle(how)
        notebook, seconds = _execute(path, scratch, executed, given)
        report = scratch / "report"
        report.mkdir()
        from helpers.data import delta
        from helpers.runs import outputs

        delta.confirm()
        rendering = time.perf_counter()
        found = outputs.write(report, notebook, _page_title(path, outputs.results(notebook)))
        paged = time.perf_counter()
        if how.formats:
            from helpers.runs import formats

            formats.write(report, how.formats)
        outputs.write_manifest(
            report,
            {
                "run": str(uuid.uuid4()),
                "notebook": path.stem,
                "notebook_sha256": _sha(path),
                "parameters": {
                    "given": dict(given),
                    "resolved": found["parameters"],
                    "as_of": found["as_of"],
                },
                "inputs": found["data"],
                "reconciliation": found["reconciliation"],
                "packages": _packages(),
                **_shown(),
                "started": started.isoformat(timespec="seconds"),
                "timings": {
                    "seconds": {
                        "cells": seconds,
                        "page": round(paged - rendering, 3),
                        **({"formats": round(time.perf_counter() - paged, 3)} if how.formats else {}),
                        "all": round(time.perf_counter() - begun, 3),
                    }
                },
            }
            | ({"batch": how.note} if how.note else {}),
        )
        _write(scratch / "outcome.json", {"done": True})
    except BaseException as problem:
        if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
            # room for a word about it: what was half written is of no use
            shutil.rmtree(scratch / "report", ignore_errors=True)
            executed.unlink(missing_ok=True)
        _write(scratch / "outcome.json", _told(problem, scratch))


def _settle(how: How) -> None:
    """Read the state of the store that the batch reads, and what was made for all runs over it."""
    if how.pin:
        from helpers.data import delta

        delta.pin(Path(how.store), {name: (version, mark) for name, (version, mark) in how.pin.items()})
    if how.shared:
        from helpers.data import shared

        shared.use(Path(how.shared), how.threads)


def end_with_parent(parent: int = 0) -> None:
    """Where the system can (Linux): a killed parent takes its child along, and the lock that the child inherits.

    Parameters
    ----------
    parent : int
        Who it was before the fork: one that ended in between sends no signal any more.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:
        os._exit(1)


def _execute(path: Path, scratch: Path, executed: Path, given: Mapping[str, str]) -> tuple[Any, list[dict]]:
    skip_grammar()
    import logging

    import nbformat
    import papermill

    from helpers.runs import engine

    logging.getLogger("papermill").setLevel(logging.ERROR)
    source = scratch / path.name
    prepared = notebooks.read(path, "report")
    nbformat.write(prepared, source)
    sections = _sections(nbformat.read(path, as_version=4), prepared)

    def tell(index: int, code: str) -> None:
        _write(scratch / "progress.json", {"cell": index, "section": _near(sections, index), "source": code})

    engine.register()
    engine.InProcess.tell = tell
    os.environ["FINOPS_MODE"] = "report"
    papermill.execute_notebook(
        str(source),
        str(executed),
        parameters=dict(given),
        engine_name="kit",
        kernel_name="python3",
        progress_bar=False,
    )
    notebook = nbformat.read(executed, as_version=4)
    seconds = [
        {"cell": i, "section": _near(sections, i), "seconds": round(c.metadata.papermill["duration"] or 0, 3)}
        for i, c in enumerate(notebook.cells)
        if c.cell_type == "code"
    ]
    return notebook, seconds


def _sections(whole: Any, prepared: Any) -> list[tuple[int, str]]:
    """Where each section begins among the prepared cells: a heading may stand in a cell that the report leaves out."""
    places = {cell.id: index for index, cell in enumerate(prepared.cells)}
    found, heading = [], ""
    for cell in whole.cells:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else []:
            heading = line.lstrip("# ").strip() if line.startswith("#") else heading
        if heading and cell.id in places:
            found.append((places[cell.id], heading))
    return found


def _near(sections: list[tuple[int, str]], index: int) -> str:
    before = [name for at, name in sections if at <= index]
    return before[-1] if before else "the beginning"


def _told(problem: BaseException, scratch: Path) -> dict[str, Any]:
    """What stopped the run, as the parent will say it; details go to the log."""
    import traceback

    from helpers.runs import engine

    traceback.print_exception(problem)
    sys.stderr.flush()
    inside = engine.InProcess.stopped_by
    cause = inside if inside is not None and type(problem).__name__ == "PapermillExecutionError" else problem
    if isinstance(cause, KitError):
        return cause.record() | {"error": str(cause), "found": cause.found, "kind": type(cause).__name__}
    if isinstance(cause, OSError) and cause.errno is not None:
        return {
            "error": f"{os.strerror(cause.errno)}",
            "kind": type(cause).__name__,
            "remedy": "make room or grant access, then run it again",
        }
    if isinstance(cause, MemoryError):
        return {"error": "it ran out of memory", "kind": "MemoryError", "remedy": _remedy("memory")}
    return {
        "error": f"{type(cause).__name__}: {str(cause)[:300]}",
        "kind": type(cause).__name__,
        "remedy": "open the kept notebook in JupyterLab and run it there; if the kit is at fault, please report it",
    }


def _page_title(path: Path, found: Mapping[str, Any]) -> str:
    from helpers.views.words import term

    return f"{term(notebooks.title(path))}, {found['month']}"


def _shown() -> dict[str, Any]:
    """Engine, language and look, where they are not the kit's own."""
    from helpers.data.charges import ENGINE, ENGINES
    from helpers.views import look, words

    own, language = look.current(), words.language()
    engine = os.environ.get(ENGINE, "")
    return (
        ({"engine": engine} if engine not in ("", ENGINES[0]) else {})
        | ({"look": {"sha256": own.sha256, "name": own.name}} if own.sha256 else {})
        | ({"language": language} if language != words.SOURCE else {})
    )


def _packages() -> dict[str, str]:
    from importlib import metadata

    names = (
        "finops-playbook-kit",
        "pandas",
        "duckdb",
        "ibis-framework",
        "deltalake",
        "pyarrow",
        "papermill",
        "matplotlib",
        "nbconvert",
    )
    return {"python": sys.version.split()[0]} | {n: metadata.version(n) for n in names}


def _sha(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, record: Mapping[str, Any]) -> None:
    """Whole or not at all: the parent may read at any moment."""
    half = path.with_suffix(".part")
    half.write_text(json.dumps(record, ensure_ascii=False, default=str), "utf-8", errors="replace")
    half.replace(path)


# --- the folder -----------------------------------------------------------------------------------------------------


@contextmanager
def _alone(to: Path):
    """Nobody else writes this folder meanwhile; a second run is told who does."""
    from filelock import FileLock, Timeout

    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(to.parent / f".{to.name}.lock")
        lock.acquire(timeout=0)
    except Timeout:
        holder = _holder(to)
        raise Refused(
            f"another run is writing this report{holder}",
            "one run at a time",
            "wait for it, or give another --to",
            file=str(to),
        ) from None
    except OSError as problem:
        raise Refused(
            f"cannot write there: {os.strerror(problem.errno or 0)}",
            "a folder that you may write",
            "give another --to",
            file=str(to),
        ) from problem
    name = to.parent / f".{to.name}.holder"
    try:
        name.write_text(f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "utf-8")
        yield
    finally:
        with suppress(OSError):
            name.unlink(missing_ok=True)
        with suppress(OSError):
            # before the release: one who opened this file sees that it has no name any more and tries again, while a
            # file unlinked after it could be another run's lock already
            (to.parent / f".{to.name}.lock").unlink(missing_ok=True)
        lock.release()


def _holder(to: Path) -> str:
    try:
        return f" ({(to.parent / f'.{to.name}.holder').read_text('utf-8')})"
    except OSError:
        return ""


def _is_report(folder: Path) -> bool:
    try:
        return "notebook_sha256" in json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False


def _may_replace(to: Path) -> None:
    if not to.exists():
        return
    foreign = (
        sorted(p.name for p in to.iterdir() if p.name not in (*FILES, *LATER)) if to.is_dir() else [to.name]
    )
    if foreign or (any(to.iterdir()) and not _is_report(to)):
        raise Refused(
            f"the folder holds {', '.join(foreign[:3]) or 'files that are no report of the kit'}",
            "an empty folder, none, or an earlier report",
            "give another --to, or move these files away",
            file=str(to),
        )


def _swap(made: Path, to: Path) -> None:
    """Put the finished folder in place of the earlier one, in one step where the system can."""
    if not to.exists():
        made.rename(to)
        return
    if _exchange(made, to):
        return
    kept = to.with_name(
        f".{to.name}.before"
    )  # found again by `_recover` if we are killed between the two renames
    to.rename(kept)
    made.rename(to)
    shutil.rmtree(kept, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    return call(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), EXCHANGE) == 0


def _recover(to: Path) -> None:
    """Bring back a report that a killed run had moved aside, and clear what killed runs left."""
    kept = to.with_name(f".{to.name}.before")
    if kept.is_dir():
        if to.exists():
            shutil.rmtree(kept, ignore_errors=True)
        else:
            kept.rename(to)
    for left in to.parent.glob(f".{to.name}-*"):
        if re.fullmatch(re.escape(f".{to.name}-") + r"[a-z0-9_]{8}", left.name) and left.is_dir():
            shutil.rmtree(left, ignore_errors=True)


def _failed(outcome: Mapping[str, Any], scratch: Path, to: Path, path: Path) -> KitError:
    """Keep what there is of a failed run beside the report; the error that says so."""
    section = _section(scratch)
    place = to.with_name(f"{to.name}.failed") / datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    try:
        progress = json.loads((scratch / "progress.json").read_text("utf-8"))
    except (OSError, ValueError):
        progress = {}
    record = clean(outcome) | {
        "status": "failed",
        "notebook": path.stem,
        "section": section,
        "cell": progress.get("cell"),
    }
    kept, where = "", f" in “{section}”" if section else ""
    kind = errors.kind(outcome.get("kind"))
    if kind and issubclass(kind, UsageError) and "begin(" in progress.get("source", ""):
        return kind(str(outcome["found"]), str(outcome.get("needed") or ""), str(outcome.get("remedy") or ""))
    try:
        place.mkdir(parents=True)
        source = scratch / "notebook.ipynb"
        source = source if source.is_file() and source.stat().st_size else scratch / path.name
        if source.is_file():
            _mark(source, place / "notebook.ipynb", progress.get("cell"), str(record["error"]))
        if (scratch / "log.txt").is_file():
            (place / "log.txt").write_text(
                masked((scratch / "log.txt").read_text("utf-8", errors="replace")), "utf-8"
            )
        (place / "error.json").write_text(json.dumps(record, indent=1, ensure_ascii=False), "utf-8")
        said = (f"{path.stem} stopped{where}: {record['error']}", record.get("needed"), record.get("remedy"))
        (place / "error.txt").write_text("\n".join(filter(None, said)) + "\n", "utf-8")
        kept = f"; what it did up to there is kept in {place}"
    except OSError:
        shutil.rmtree(place, ignore_errors=True)
    if kind:
        made = kind.told(outcome)
        made.add_note(f"{path.stem} stopped{where}{kept}")
        return made
    return RunFailed(
        f"{path.stem} stopped{where}: {outcome['error']}",
        "",
        f"{outcome.get('remedy') or 'run it again'}{kept}",
    )


def _mark(source: Path, target: Path, cell: int | None, error: str) -> None:
    """Copy the executed notebook; where its process died, the running cell is marked failed, not pending."""
    try:
        book = clean(json.loads(source.read_text("utf-8")))
        # papermill's banners would shift the numbers of the cells; error.json says more
        banner = "papermill-error-cell-tag"
        book["cells"] = [c for c in book["cells"] if banner not in c["metadata"].get("tags", [])]
        for index, each in enumerate(book["cells"]):
            state = each["metadata"].setdefault("papermill", {})
            if index == cell and state.get("status") != "failed":
                state |= {"status": "failed", "exception": True}
                if each["cell_type"] == "code" and not any(
                    o["output_type"] == "error" for o in each["outputs"]
                ):
                    each["outputs"].append(
                        {"output_type": "error", "ename": "RunFailed", "evalue": error, "traceback": [error]}
                    )
            elif cell is not None and index > cell:
                state |= {"status": "pending", "exception": None}
        target.write_text(json.dumps(book, indent=1, ensure_ascii=False), "utf-8")
    except (OSError, ValueError, KeyError):
        shutil.copy(source, target)
