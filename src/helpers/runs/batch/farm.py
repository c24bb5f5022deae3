"""The same plan on many machines: each report is a task of dask.distributed, made there by a warm parent like here.

A cluster may run a task twice: when a worker is lost, also what it had finished is computed again. So a task looks first
whether its report stands, waits while another process makes it, and swaps the folder into place as a whole. The ledger
is written here only, by the batch. Workers see the reports' folder and the store under the same paths, and have the same
kit; both is looked at before the first report, and again for a worker that joins later.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from helpers.runs.batch import work
from helpers.runs.batch.warm import Gone, Stopped, Warm, problem
from helpers.terms.errors import KitError, Refused, RunFailed, UsageError

PATIENCE = 15.0  # for the scheduler to answer [s]
DEEP = 2  # tasks waiting for each thread of the cluster


class Farm:
    """The cluster, as the batch uses it: `submit` like `Warm.submit`, for reports.

    Parameters
    ----------
    address : str
        Of the scheduler.
    to : Path
        The batch's folder, which each worker must see.
    state : Path
        The batch's own folder in it.
    say : object
        Told what there is.
    """

    def __init__(self, address: str, to: Path, state: Path, say: Any) -> None:
        try:
            from distributed import Client
        except ImportError as missing:
            raise UsageError(
                "--on, and dask.distributed is not installed",
                "the same package as the cluster's workers have",
                "pip install 'finops-playbook-kit[farm]'",
            ) from missing
        try:
            self.client: Any = Client(address, timeout=PATIENCE, set_as_default=False, name="finops batch")
        except (OSError, ValueError, TimeoutError) as refused:
            raise Refused(
                f"no scheduler answers at {address}: {str(refused)[:200]}",
                "the address of a running dask scheduler",
                "dask scheduler prints it; dask worker ADDRESS starts a worker",
            ) from refused
        self.to, self.state, self.say = to, state, say
        self.known: set[str] = set()
        try:
            self._look()
        except BaseException:
            self.client.close()
            raise
        say.note(f"{len(self.known)} workers with {self.room // DEEP} threads at {address}")

    @property
    def room(self) -> int:
        """How many tasks the cluster is given at the same time."""
        return DEEP * max(1, sum(w["nthreads"] for w in self._workers().values()))

    def _workers(self) -> Mapping[str, Any]:
        return self.client.scheduler_info(n_workers=-1)["workers"]

    def _look(self) -> None:
        """Each worker has this kit, and sees and may write the batch's folder."""
        token = self.state / f"seen-{uuid4().hex[:12]}"
        token.write_text("", "utf-8")
        try:
            told = self.client.run(_probe, str(token), on_error="return")
        finally:
            token.unlink(missing_ok=True)
        if not told:
            raise Refused("a scheduler without workers", "at least one", "start one: dask worker ADDRESS")
        for name, found in told.items():
            if isinstance(found, BaseException):
                raise Refused(
                    f"the worker {name} cannot load the kit: {type(found).__name__}",
                    "the kit on each worker",
                    "install it there",
                )
            kit, sees = found
            if kit != work.kit():
                raise Refused(
                    f"the worker {name} has another kit",
                    "the same version everywhere",
                    "install this one there, and start the worker anew",
                )
            if not sees:
                raise Refused(
                    f"the worker {name} does not see {self.to}, or may not write there",
                    "the same folder under the same path",
                    "share it with the workers",
                    file=str(self.to),
                )
        self.known = set(told)

    def submit(self, do: str, *, limit: float = 3600.0, tell: Any = None, **words: Any) -> Future[Any]:
        """Have a report made somewhere."""
        future: Future[Any] = Future()
        try:
            task = self.client.submit(
                _task, do, limit, words, work.kit(), key=f"finops-{do}-{uuid4().hex}", pure=False, retries=0
            )
        except Exception as lost:
            raise RunFailed(
                f"the scheduler is gone: {type(lost).__name__}",
                "a running one",
                "start it, then run the batch again",
            ) from lost
        future.task = task  # type: ignore[attr-defined] - dask drops a task that nobody holds
        task.add_done_callback(lambda done: _hand(done, future))
        return future

    def close(self) -> None:
        """Leave the cluster; what its workers are at they end, whole or not at all."""
        with suppress(Exception):
            self.client.close(timeout=3)


def _hand(done: Any, future: Future[Any]) -> None:
    with suppress(InvalidStateError):
        try:
            told = done.result()
        except BaseException as lost:
            future.set_exception(
                Gone(f"the worker was lost: {type(lost).__name__}", "", "the report is tried again")
            )
            return
        if "wrong" in told:
            future.set_exception(problem(told["wrong"]))
        else:
            future.set_result(told["done"])


# --- on a worker ------------------------------------------------------------------------------------------------------


def _probe(token: str) -> tuple[str, bool]:
    return work.kit(), Path(token).is_file() and os.access(Path(token).parent, os.W_OK)


def _task(do: str, limit: float, words: dict[str, Any], kit: str) -> dict[str, Any]:
    """Make a report on this machine; plain data, so that no error is lost on its way."""
    try:
        if kit != work.kit():
            raise Refused("a worker with another kit", "the same version everywhere", "start it anew")
        maker = _maker()
        how = words["how"]
        if how.get("pin"):
            given = words["given"]
            how["shared"] = maker.shared(how["store"], given.get("as_of", ""), how["pin"])
        told = {"done": maker.warm.submit(do, limit=limit, **words).result()}
        told["done"]["worker"] = f"{os.uname().nodename}:{os.getpid()}"
        return told
    except Stopped:
        return {"wrong": {"error": "RunFailed", "found": "it was stopped on its worker"}}
    except KitError as wrong:
        return {"wrong": wrong.record() | {"notes": getattr(wrong, "__notes__", [])}}


class _Maker:
    """A worker's warm parent and what it made for all reports of a state."""

    def __init__(self) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="finops-farm-"))
        self.warm = Warm(self.scratch / "warm.log", scratch=self.scratch)
        self.guard = threading.Lock()
        self.made: dict[str, str] = {}
        atexit.register(self._end)

    def shared(self, store: str, as_of: str, pin: Mapping[str, Any]) -> str:
        """The record of `data.shared.prepare`, made when the first report of a state comes."""
        key = f"{store}\0{as_of}\0{sorted(pin.items())}"
        with self.guard:
            if key not in self.made:
                folder = str(self.scratch / uuid4().hex[:12])
                self.made[key] = self.warm.submit(
                    "prepare", store=store, as_of=as_of, pin=dict(pin), folder=folder
                ).result()
            return self.made[key]

    def _end(self) -> None:
        self.warm.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


_GUARD = threading.Lock()
_MAKERS: list[_Maker] = []


def _maker() -> _Maker:
    with _GUARD:
        if not _MAKERS:
            _MAKERS.append(_Maker())
        return _MAKERS[0]
