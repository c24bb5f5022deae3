"""A batch's run: what is missing, failed before or has newer inputs is made, the rest is left; and what came of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import tempfile
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from helpers.catalog import notebooks
from helpers.runs import report as reports
from helpers.runs.batch import summary, work
from helpers.runs.batch.ledger import NAME, Ledger, latest
from helpers.runs.batch.plan import Held, Plan, Report, expand
from helpers.runs.batch.progress import Silent
from helpers.runs.batch.telemetry import Telemetry
from helpers.runs.batch.warm import Gone, Stopped, Warm
from helpers.runs.delivery import BEFORE, SENT, UNSURE
from helpers.terms.errors import Damaged, KitError, Refused, RunFailed, Unfinished

STATE = ".batch"  # the batch's own folder below the reports
RECORD = "deliveries.jsonl"
WORTH = 4  # reports from which it pays to make once what all need
PATIENCE = 30.0  # for the processes of a batch that was killed [s]
KEPT = 3  # failed runs kept of a report
NEWER = 2  # how often a report is begun anew because the store was exchanged


@dataclass
class Store:
    """A store that reports of the batch read: the plan's, or one cut to a viewer's departments."""

    path: str
    as_of: str
    seen: dict[str, Any] = field(default_factory=dict)
    shared: str = ""
    made: int = 0  # reports from this state in this run

    @property
    def version(self) -> str:
        """Of its state that is read now; "" where no report reads it."""
        return self.seen.get("version", "")


@dataclass
class Item:
    """A report of the plan and what is known about it."""

    report: Report
    place: Path
    parts: dict[str, Any]
    fingerprint: str
    store: Store
    why: str = ""  # why it is to be made; "" where it stands
    before: dict[str, Any] = field(default_factory=dict)  # its latest line in the ledger
    state: str = "waiting"  # waiting, standing, done, failed
    tries: int = 0
    newer: int = 0
    pin: dict[str, Any] = field(default_factory=dict)  # of the state that its run reads
    told: dict[str, Any] = field(default_factory=dict)
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a batch ended: the record of ``summary.json``, and the page's path."""

    record: dict[str, Any]
    page: Path


def intended(plan: Plan) -> tuple[list[Item], dict[str, Store]]:
    """What a run would do now; nothing is written but a viewer's store in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="finops-batch-") as scratch:
        stores = _stores(plan, Path(scratch))
        items = _items(plan, stores)
    return items, stores


def run(
    plan: Plan, *, on: str = "", workers: int = 0, patience: float = 0.0, say: Any = None, again: bool = False
) -> Outcome:
    """Run a batch.

    Parameters
    ----------
    plan : Plan
    on : str
        Address of a scheduler of dask.distributed; "" for this machine.
    workers : int
        Reports at the same time; 0 for what the plan says.
    patience : float
        How long to wait for another batch of this plan [s].
    say : object, optional
        Told how it goes: `progress.Silent` names the methods.
    again : bool
        Send again what may have been sent already.

    Returns
    -------
    Outcome

    Raises
    ------
    Unfinished
        Some reports or deliveries failed, or it was stopped: summary and ledger say which.
    Refused
        Another batch of this plan is at work; or the folder is another's.
    Damaged
        The store is.
    """
    say = say or Silent()
    state = _own(plan)
    with _alone(plan, state, patience, say), tempfile.TemporaryDirectory(prefix="finops-batch-") as scratch:
        batch = _Batch(plan, state, Path(scratch), workers or plan.limits.workers, say, again)
        return batch.run(on)


class _Batch:
    def __init__(self, plan: Plan, state: Path, scratch: Path, workers: int, say: Any, again: bool) -> None:
        self.plan, self.state, self.scratch, self.say, self.again = plan, state, scratch, say, again
        self.cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.workers = workers or self.cores
        self.number = str(uuid.uuid4())
        self.began, self.clock = datetime.now(UTC), time.monotonic()
        self.warm = Warm(state / "warm.log", state / "workers.lock", plan.needs_store, scratch)
        self.pool: Any = self.warm
        self.todo: deque[Item] = deque()
        self.active: dict[Future[Any], Item] = {}
        self.mail: deque[tuple[Item, Any]] = deque()
        self.sending: dict[Future[Any], tuple[Item, Any]] = {}
        self.items: list[Item] = []
        self.stores: dict[str, Store] = {}
        self.problem: KitError | None = None

    def run(self, on: str) -> Outcome:
        with suppress(OSError):
            (self.state / "warm.log").write_bytes(b"")  # of this run only
        self.ledger = Ledger(self.state)
        try:
            if not on:
                self.warm.start()  # it warms up while the store is looked at
            self._plan()
            self.ledger.add("begun", batch=self.number, plan=self.plan.name, reports=len(self.items), to_make=len(self.todo), on=on or "this machine", kit=work.kit())  # fmt: skip
            self.telemetry = Telemetry(self.plan.name, len(self.items))
            self.say.begun(len(self.items), len(self.todo))
            try:
                if on and self.todo:
                    from helpers.runs.batch.farm import Farm

                    self.pool = Farm(on, self.plan.to, self.state, say=self.say)
                    self.workers = self.pool.room
                elif self.todo:
                    self._prepare()
                self._loop()
                self._sure()
            except KeyboardInterrupt:
                self.problem = Unfinished(
                    "stopped", "", f"finops batch run {self.plan.file} goes on where it stopped"
                )
            except OSError as problem:
                self.problem = Unfinished(
                    f"stopped: {os.strerror(problem.errno or 0)}", "a disk with room that may be written",
                    f"make room or grant access, then finops batch run {self.plan.file} goes on where it stopped",
                )  # fmt: skip
            with _undisturbed():
                return self._end()
        finally:
            with _undisturbed():
                self.say.ended()
                if self.pool is not self.warm:
                    self.pool.close()
                self.warm.close()
                self.ledger.close()

    # --- what is to be done -----------------------------------------------------------------------------------------

    def _plan(self) -> None:
        self.stores = _stores(self.plan, self.scratch)
        self.items = _items(self.plan, self.stores, tidy=True)
        known = latest(self.state / NAME)
        for item in self.items:
            item.before = known.get(item.report.folder, {})
            item.sent = {k: d | {"state": BEFORE} if d.get("state") == SENT else d for k, d in item.before.get("sent", {}).items()}  # fmt: skip
            if item.why == "new" and item.before.get("event") == "failed":
                item.why = "failed before"
            if item.before.get("event") == "doubted" and not item.why:
                item.why = "made while the store was damaged"
            if item.why:
                self.todo.append(item)
                continue
            item.state = "standing"
            run = work.manifest(item.place).get("run")
            if item.before.get("run") != run or item.before.get("event") not in ("done", "found"):
                # killed between the report and its line: the report is whole, so the line is made up for
                item.told = work.outcome(item.place, "found")
                self._line("found", item)
                item.sent = {}
            else:
                item.told = {k: v for k, v in item.before.items() if k not in ("n", "at", "event", "sent")}
            self._post(item)

    def _prepare(self) -> None:
        if os.environ.get("FINOPS_ENGINE", "duckdb") != "duckdb":
            return  # another engine reads the store itself
        for store in self.stores.values():
            many = sum(i.store is store and i.report.reads_store for i in self.todo)
            if many >= WORTH and store.seen and not store.shared:
                folder = str(self.scratch / f"shared-{uuid.uuid4().hex[:8]}")
                words = {
                    "store": store.path,
                    "as_of": store.as_of,
                    "pin": store.seen["pin"],
                    "folder": folder,
                }
                try:
                    store.shared = self.warm.submit("prepare", **words).result()
                except Gone:
                    store.shared = ""  # each report does it for itself

    # --- the loop ---------------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        while self.todo or self.active or self.mail or self.sending:
            room = self.workers if self.pool is self.warm else self.pool.room
            while self.todo and len(self.active) < room:
                self._start(self.todo.popleft())
            if self.mail and not self.sending:
                self._send(*self.mail.popleft())
            done = wait([*self.active, *self.sending], timeout=0.5, return_when=FIRST_COMPLETED).done
            for future in done:
                if future in self.active:
                    self._took(self.active.pop(future), future)
                else:
                    self._sent(*self.sending.pop(future), future)

    def _start(self, item: Item) -> None:
        item.tries += 1
        fresh = item.tries > 1 + item.newer
        store, report = item.store, item.report
        item.pin = store.seen.get("pin", {})
        given = dict(report.given) | ({"data": store.path} if report.reads_store else {})
        how = reports.How(
            child="fresh" if fresh else "fork",
            formats=report.formats,
            store=store.path if store.seen else "",
            pin=item.pin,
            shared=store.shared,
            threads=max(1, self.cores // self.workers),
            note={"plan": self.plan.name, "report": report.folder, "fingerprint": item.fingerprint, "parts": item.parts, "batch": self.number},
        )  # fmt: skip
        self.ledger.add("started", report=report.folder, batch=self.number, attempt=item.tries, why=item.why, store=store.version)  # fmt: skip
        words = {
            "notebook": str(report.notebook),
            "to": str(item.place),
            "given": given,
            "how": asdict(how),
            "timeout": report.limits.time,
            "memory": report.limits.memory,
            "fingerprint": item.fingerprint,
            "expected": store.version,
            "env": {name: os.environ[name] for name in work.PASSED if name in os.environ},
        }
        self.telemetry.started(item)
        self.say.started(item)
        tell = lambda section, at=item: self.say.section(at, section)  # noqa: E731
        try:
            future = self.pool.submit("report", limit=report.limits.time, tell=tell, **words)
        except KitError as problem:
            future = Future()
            future.set_exception(problem)
        self.active[future] = item

    def _took(self, item: Item, future: Future[Any]) -> None:
        try:
            item.told = future.result()
        except Stopped:
            raise KeyboardInterrupt from None
        except KitError as problem:
            self._failed(item, problem)
            return
        except Exception as problem:  # of the farm's own machinery
            self._failed(item, RunFailed(f"{type(problem).__name__}: {str(problem)[:300]}"))
            return
        item.state = "done"
        item.store.made += 1
        item.sent = {}
        self._line("done", item)
        self._post(item)
        self.telemetry.finished(item)
        self.say.finished(item)

    def _failed(self, item: Item, problem: KitError) -> None:
        if isinstance(problem, Damaged) and item.newer < NEWER and self._newer(item):
            item.newer += 1
            self.todo.appendleft(item)
            return
        again = isinstance(problem, RunFailed)  # what was refused would be refused again
        item.told = problem.record() | _kept(item.place) | {"notes": getattr(problem, "__notes__", [])}
        if again and item.tries - item.newer <= item.report.limits.retries:
            self.ledger.add("tried", report=item.report.folder, batch=self.number, attempt=item.tries, **item.told)  # fmt: skip
            self.say.again(item, problem)
            self.todo.appendleft(item)
            return
        item.state = "failed"
        self._line("failed", item)
        self.telemetry.finished(item)
        self.say.finished(item)

    def _newer(self, item: Item) -> bool:
        """The store was exchanged under the report: read its new state from here on."""
        store = item.store
        if not store.seen:
            return False
        if store.seen["pin"] != item.pin:
            return True  # another report has noticed it before
        try:
            again = _look(Path(store.path), store.as_of)
        except KitError:
            return False
        if again["pin"] == store.seen["pin"]:
            return False
        self.ledger.add("store", batch=self.number, before=store.version, now=again["version"])
        self.say.note(f"the store was replaced; reports from here on read its state {again['version']}")
        store.seen, store.shared, store.made = again, "", 0
        if self.pool is self.warm and not self.problem:
            with suppress(KitError):
                self._prepare()
        return True

    def _line(self, event: str, item: Item) -> None:
        told = item.told | {
            "fingerprint": item.fingerprint,
            "report": item.report.folder,
            "batch": self.number,
        }
        self.ledger.add(event, **told)

    # --- deliveries -------------------------------------------------------------------------------------------------

    def _post(self, item: Item) -> None:
        for one in item.report.deliver:
            if one.key not in item.sent or (self.again and item.sent[one.key].get("state") == UNSURE):
                self.mail.append((item, one))

    def _send(self, item: Item, one: Any) -> None:
        words = {"folder": str(item.place), "entry": dict(one.entry), "where": one.where, "record": str(self.state / RECORD), "resend": self.again}  # fmt: skip
        try:
            future = self.warm.submit("deliver", limit=1800.0, **words)
        except KitError as problem:
            future = Future()
            future.set_exception(problem)
        self.sending[future] = item, one

    def _sent(self, item: Item, one: Any, future: Future[Any]) -> None:
        try:
            told = future.result()
        except Stopped:
            raise KeyboardInterrupt from None
        except KitError as problem:
            told = {"kind": one.kind, "state": "failed"} | problem.record()
            self.ledger.add("not delivered", report=item.report.folder, run=item.told.get("run"), delivery=one.key, batch=self.number, **told)  # fmt: skip
        else:
            self.ledger.add("delivered", report=item.report.folder, run=item.told.get("run"), delivery=one.key, batch=self.number, **told)  # fmt: skip
        item.sent[one.key] = told
        self.say.delivered(item, told)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _sure(self) -> None:
        """The store's files once more, to the last byte, where reports relied on the comparison before them."""
        for store in self.stores.values():
            if not (store.shared and store.made):
                continue
            try:
                self.warm.submit("verify", store=store.path, pin=store.seen["pin"]).result()
            except Stopped:
                raise KeyboardInterrupt from None
            except Damaged as problem:
                if "replaced" in problem.found:
                    continue  # exchanged after the last report: they read the state that was compared
                self.problem = problem
                for item in self.items:
                    if item.store is store and item.state == "done":
                        item.state, item.told = "failed", item.told | problem.record()
                        self._line("doubted", item)

    def _end(self) -> Outcome:
        ended = datetime.now(UTC)
        seconds = round(time.monotonic() - self.clock, 1)
        record = summary.record(self.plan, self.items, self.stores, self.began, ended, seconds, self.workers, self.problem)  # fmt: skip
        with suppress(OSError):
            summary.write(self.plan.to, record)
        counts = record["counts"]
        with suppress(OSError):
            self.ledger.add("ended", batch=self.number, seconds=seconds, counts=counts, stopped=bool(self.problem))  # fmt: skip
        self.telemetry.ended(counts)
        outcome = Outcome(record, self.plan.to / "index.html")
        if self.problem:
            self.problem.outcome = outcome  # type: ignore[attr-defined]
            raise self.problem
        lacking = counts["failed"] + counts["not made"]
        if lacking or counts["not delivered"]:
            first = next((r for r in record["reports"] if r["state"] == "failed"), None)
            problem = Unfinished(
                " and ".join(
                    filter(None, (f"{lacking} of {len(self.items)} reports were not made" if lacking else "", f"{counts['not delivered']} deliveries did not arrive" if counts["not delivered"] else ""))
                )
                + (f"; the first: {first['report']}: {first['error']['found']}" if first else ""),
                "",
                f"{outcome.page} says what and why; after the cause is mended, the same command makes what is missing",
            )  # fmt: skip
            problem.outcome = outcome  # type: ignore[attr-defined]
            raise problem
        return outcome


# --- what is there ----------------------------------------------------------------------------------------------------


def _stores(plan: Plan, scratch: Path) -> dict[str, Store]:
    """By viewer's name: what is read for the viewer, and what it holds now."""
    found: dict[str, Store] = {}
    for viewer in plan.viewers:
        store = Store(str(plan.data), plan.as_of)
        if plan.needs_store:
            path = plan.data
            if viewer is not None:
                from helpers.runs import rights

                path = rights.scoped(plan.data, viewer, scratch / "rights")
            twin = next((s for s in found.values() if s.path == str(path)), None)
            if twin is not None:
                found[viewer.name if viewer else ""] = twin
                continue
            store.path = str(path.resolve())
            store.seen = _look(path, plan.as_of)
        found[viewer.name if viewer else ""] = store
    return found


def _look(path: Path, as_of: str) -> dict[str, Any]:
    """In a process of its own, so that no engine's threads and files stay in this one."""
    import subprocess
    import sys

    from helpers.runs.batch.warm import problem

    code = (
        "import json, sys; from helpers.runs.batch import warm, work; "
        "print(json.dumps(warm._done(work.look, json.loads(sys.argv[1]), None)))"
    )
    said = json.dumps({"store": str(path), "as_of": as_of})
    done = subprocess.run(
        [sys.executable, "-c", code, said], env=os.environ | {"PYTHONPATH": reports.search_path()}, capture_output=True, text=True, check=False
    )  # fmt: skip
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise Refused(
            "the store could not be looked at", "a store", "finops check --data … says more", file=str(path)
        )
    told = json.loads(lines[-1])
    if "wrong" in told:
        raise problem(told["wrong"])
    return told["done"]


def _items(plan: Plan, stores: Mapping[str, Store], tidy: bool = False) -> list[Item]:
    held = {
        name: Held([tuple(c) for c in s.seen["combinations"]], s.seen["today"], s.seen["months"])
        for name, s in stores.items()
        if s.seen
    }
    look = _look_of_pages()
    found, sha = [], cache(_sha)  # of this moment: a notebook may be mended before the next run
    for one in expand(plan, held):
        place = plan.to / one.folder
        _inside(plan, place)
        if tidy:
            _tidy(place)
        parts = {
            "notebook": sha(one.notebook),
            "playbook": sha(notebooks.folder("playbooks") / f"{one.stem}.md"),
            "kit": work.kit(),
            "parameters": dict(one.given),
            "formats": list(one.formats),
            "viewer": one.viewer.scope if one.viewer else "",
            "look": look,
        }
        print_ = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]
        item = Item(one, place, parts, print_, stores[one.viewer.name if one.viewer else ""])
        item.why = _why(item)
        found.append(item)
    return found


def _why(item: Item) -> str:
    """Why the report is to be made; "" where it stands as it should."""
    found = work.manifest(item.place)
    note = found.get("batch") or {}
    expected = item.store.version if item.report.reads_store else ""
    if not found:
        return "new"
    if not note:
        return "made outside the batch"
    if note.get("fingerprint") != item.fingerprint:
        old = note.get("parts", {})
        return f"newer {' and '.join(n for n, v in item.parts.items() if old.get(n) != v) or 'inputs'}"
    if lost := work.missing(item.place, found):
        return f"{lost} is missing or has changed"
    read = work.version(found.get("inputs") or {})
    return "newer data" if read and read != expected else ""


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _look_of_pages() -> str:
    """A mark of how pages look: the kit's style, an organisation's look, the language, the engine."""
    from helpers.views import look, theme, words

    own = look.choose(
        os.environ.get(look.VARIABLE)
    )  # read anew: it may have been mended since an earlier run
    told = [theme.css(), own.sha256, words.language(), os.environ.get("FINOPS_ENGINE", "")]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _inside(plan: Plan, place: Path) -> None:
    """A link that somebody put among the reports leads nowhere else."""
    root = plan.to.resolve()
    if not place.resolve().is_relative_to(root):
        raise Refused(
            "a link that leads out of the batch's folder", "folders in it", "remove the link", file=str(place)
        )


def _kept(place: Path) -> dict[str, Any]:
    """Cell and section of the newest failure, and where it is kept; older ones go."""
    folder = place.with_name(f"{place.name}.failed")
    try:
        held = sorted(p for p in folder.iterdir() if p.is_dir())
        told = json.loads((held[-1] / "error.json").read_text("utf-8"))
    except (OSError, ValueError, IndexError):
        return {}
    for old in held[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return {
        "cell": told.get("cell"),
        "section": told.get("section"),
        "kept": f"{folder.name}/{held[-1].name}",
    }


def _tidy(place: Path) -> None:
    """Clear what a killed run left beside a report, and bring back one that was moved aside."""
    if not place.parent.is_dir():
        return
    left = any(place.parent.glob(f".{place.name}-*")) or place.with_name(f".{place.name}.before").exists()
    if left:
        with suppress(Refused), reports._alone(place):
            reports._recover(place)


# --- one batch at a time ----------------------------------------------------------------------------------------------


def _own(plan: Plan) -> Path:
    """The batch's own folder below the reports; a folder of another plan, or of something else, is refused."""
    to, state = plan.to, plan.to / STATE
    try:
        if not state.is_dir():
            taken = [n for n in summary.NAMES if (to / n).exists()]
            if taken:
                raise Refused(
                    f"the folder holds {taken[0]}, which no batch made", "a folder of the batch's own", "give another  to: …", file=str(to)
                )  # fmt: skip
            state.mkdir(mode=0o700, parents=True)
        name = state / "plan"
        held = name.read_text("utf-8").strip() if name.is_file() else ""
        if held and held != plan.name:
            raise Refused(
                f"the folder is that of the batch {held!r}", "a folder for each plan", "give another  to: …", file=str(to)
            )  # fmt: skip
        if not held:
            name.write_text(plan.name + "\n", "utf-8")
    except OSError as problem:
        raise Refused(
            f"cannot write there: {os.strerror(problem.errno or 0)}", "a folder that you may write", "give another  to: …", file=str(to)
        ) from problem  # fmt: skip
    return state


@contextmanager
def _alone(plan: Plan, state: Path, patience: float, say: Any) -> Iterator[None]:
    """No other batch of this plan is at work, nor processes that a killed one left."""
    from filelock import FileLock, Timeout

    lock, left, holder = FileLock(state / "lock"), FileLock(state / "workers.lock"), state / "holder"
    until = time.monotonic() + patience
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            who = holder.read_text("utf-8").strip() if holder.is_file() else "another process"
            if time.monotonic() > until:
                raise Refused(
                    f"another batch of this plan is at work ({who})",
                    "one at a time",
                    "wait for it, or give --wait SECONDS",
                    file=str(plan.to),
                ) from None
            say.note(f"waiting for another batch of this plan ({who})")
            with suppress(Timeout):
                lock.acquire(timeout=min(10.0, max(0.1, until - time.monotonic())))
                break
    try:
        with suppress(OSError):
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}, since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "utf-8")  # fmt: skip
        try:
            left.acquire(timeout=0)
        except Timeout:
            say.note("waiting for the processes of an earlier batch to end")
            try:
                left.acquire(timeout=PATIENCE)
            except Timeout:
                raise Refused(
                    "processes of an earlier batch do not end",
                    "none at work",
                    "end them (ps shows their command: helpers.runs.batch), then run it again",
                    file=str(plan.to),
                ) from None
        left.release()
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second stop does not cut short the tidying up after the first."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
