"""Pages made by a few worker processes that viewers of equal rights share; who waits, who is next, who ends.

Nothing here belongs to one viewer but a place in the queue: a page is asked for by what it shows (`snapshots.Asked`),
two viewers who ask for the same wait for the same run, and what was made is kept. A viewer who leaves gives up the
place; a run that nobody waits for ends. Workers are bound to a scope and a state of the store and end when either is
no longer asked for, when they hang, grow too large, or have served long enough.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import os
import secrets
import signal
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.runs import zygote
from helpers.runs.snapshots import Asked, Snapshot, Snapshots, by_name, state

PATIENCE = 120.0  # seconds that one run may take
MEMORY = 2_000_000_000  # bytes that one worker may hold
RUNS = 60  # runs after which a worker is replaced: what a library leaks does not add up
IDLE = 900.0  # seconds after which a worker that nobody asks ends
WAITING = 200  # pages in the queue, of all viewers
OWN = 6  # pages that one viewer may wait for at once
AHEAD = 400  # pages on the list of those made while nobody waits
ANSWER = 64_000_000  # longest line of a worker [bytes]

TOO_LONG = "This page took too long and was given up. Choose a single provider or department, then try again."
TOO_LARGE = (
    "This page needed more memory than the server gives to one page. Choose a single provider or department."
)
DIED = "The process that made this page ended twice. Try again in a minute; the server’s log says more."
MOVED = "The company’s data changed while this page was made."
EDITED = "The notebook of this page was changed while it was made."
CLOSED = "The server is being stopped."
FULL = "The server is making as many pages as it can. Try again in a minute."
YOURS = "You are waiting for {n} pages already. Wait for one of them, or close it."


class Busy(Exception):
    """No place in the queue; its words are for the reader."""

    def __init__(self, said: str, status: int) -> None:
        super().__init__(said)
        self.status = status


@dataclass(eq=False)
class Job:
    """A page that is being made, and those who wait for it."""

    asked: Asked
    do: str = "page"
    extra: dict[str, Any] = field(default_factory=dict)
    parts: list[tuple[str, str]] = field(default_factory=list)
    done: dict[str, Any] | None = None
    stopped: str = ""
    bug: bool = False
    moved: bool = False  # the store or the notebook changed meanwhile
    key: str = ""  # of the page, as its notebook stood when the run began
    waiters: dict[int, str] = field(default_factory=dict)  # token -> viewer's name
    tries: int = 0
    began: float = 0.0
    worker: Worker | None = None
    reference: str = field(default_factory=lambda: secrets.token_hex(4))
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def over(self) -> bool:
        return self.done is not None or bool(self.stopped)

    def ring(self) -> None:
        """Tell all who wait that there is news."""
        bell, self.bell = self.bell, asyncio.Event()
        bell.set()


@dataclass(eq=False)
class Worker:
    """A worker process and the channel to it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    scope: str
    store: Path
    version: str
    pid: int = 0
    handle: int = -1  # a file descriptor that means this process and no later one of its number
    process: Any = None  # where it was started and not forked
    job: Job | None = None
    runs: int = 0
    used: float = field(default_factory=time.monotonic)
    ended: bool = False
    why: str = ""
    left: bool = False  # the run was told to stop

    def say(self, **said: Any) -> None:
        self.writer.write(json.dumps(said).encode() + b"\n")

    def resident(self) -> int:
        """Memory it holds [bytes]."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1]) * os.sysconf(
                "SC_PAGE_SIZE"
            )
        except (OSError, IndexError, ValueError):
            return 0

    def kill(self, why: str = "") -> None:
        """End it at once."""
        self.why = self.why or why
        with suppress(OSError):
            if self.handle >= 0:
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)
            elif self.process is not None:
                self.process.kill()


class Pool:
    """Workers, the queue before them, and what is made ahead while nobody waits.

    Parameters
    ----------
    notebooks : iterable of Path
        Their imports are done once, in the process that workers are forked from.
    snapshots : Snapshots
    size : int
        Most workers at a time.
    patience : float
        Time that one run may take [s].
    memory : int
        What one worker may hold [bytes].
    tell : callable
        Takes one line for the log.
    """

    def __init__(
        self,
        notebooks: Iterable[Path],
        snapshots: Snapshots,
        *,
        size: int = 0,
        patience: float = PATIENCE,
        memory: int = MEMORY,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.notebooks, self.snapshots, self.tell = list(notebooks), snapshots, tell
        self.size = size or max(2, min(4, os.cpu_count() or 2))
        self.patience, self.memory = patience, memory
        self.workers: list[Worker] = []
        self.queue: deque[Job] = deque()
        self.ahead: list[tuple[float, int, Asked]] = []  # a heap: rank, then order
        self.made: Callable[[Asked, Snapshot], None] = lambda *_: None  # told of each page that was made
        self.jobs: dict[str, Job] = {}
        self.closing = False
        self.starting = 0
        self.zygote: Any = None
        self.channel: socket.socket | None = None
        self.tasks: set[asyncio.Task] = set()
        self.token = self.order = 0
        self.forking = asyncio.Lock()

    # --- from outside ---

    async def start(self) -> None:
        """Start the process that workers are forked from."""
        if zygote.may_fork():
            self.zygote, self.channel = zygote.start(self.notebooks)
            self.channel.setblocking(False)
        self._task(self._watch())

    async def close(self, within: float = 2.0) -> None:
        """End every worker, whatever it does; those who wait are told."""
        self.closing = True
        for job in [*self.queue, *self.jobs.values()]:
            self._stop(job, CLOSED)
        self.queue.clear()
        self.ahead.clear()
        if self.channel is not None:
            self.channel.close()
        for worker in list(self.workers):
            worker.kill("closing")
        for task in list(self.tasks):
            task.cancel()
        if self.zygote is not None:
            self.zygote.kill()  # it holds nothing; whatever it forked ends with it
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.to_thread(self.zygote.wait), within)
        for worker in list(self.workers):
            self._gone(worker)

    def ask(self, asked: Asked, viewer: str, do: str = "page", **extra: Any) -> tuple[Job, int]:
        """A place in the queue for a page: the job, and the token that gives the place up.

        Raises
        ------
        Busy
            The viewer waits for too many pages, or everybody does.
        """
        if self.closing:
            raise Busy(CLOSED, 503)
        key = _name(asked, do, **extra)
        job = self.jobs.get(key)
        if job is None or job.over:
            mine = sum(1 for j in self.jobs.values() if viewer in j.waiters.values() and not j.over)
            if mine >= OWN:
                raise Busy(YOURS.format(n=mine), 429)
            if len(self.queue) >= WAITING:
                raise Busy(FULL, 503)
            job = self.jobs[key] = Job(asked, do, extra)
            self.queue.append(job)
        self.token += 1
        job.waiters[self.token] = viewer
        self._pump()
        return job, self.token

    def leave(self, job: Job, token: int) -> None:
        """Give a place up; a run that nobody waits for ends, unless it is nearly free to keep."""
        job.waiters.pop(token, None)
        if job.waiters or job.over:
            return
        if job in self.queue:
            self.queue.remove(job)
            self._forget(job)
        elif job.worker is not None and self.queue:
            self._cancel(job.worker)

    def before(self, job: Job) -> int:
        """How many pages are before this one; 0 when it is being made."""
        return self.queue.index(job) + 1 if job in self.queue else 0

    async def follow(self, job: Job, status: float = 1.0) -> AsyncIterator[tuple[str, str]]:
        """The parts of a page as they are made; ``("", sentence)`` while it waits.

        Ends when the page is done or has stopped; see the job.
        """
        sent, said = 0, ""
        while True:
            bell = job.bell
            while sent < len(job.parts):
                yield job.parts[sent]
                sent += 1
            if job.over:
                return
            waiting = place(self.before(job))
            if waiting != said and not job.parts:
                said = waiting
                yield "", waiting
            with suppress(TimeoutError):
                await asyncio.wait_for(bell.wait(), status)
            if sent > len(job.parts):  # begun anew after its worker ended
                sent = 0

    def make_ahead(self, pages: Iterable[tuple[float, Asked]]) -> None:
        """Make these pages while nobody waits, those of low rank first."""
        for rank, page in pages:
            if not self.snapshots.has(page.key):
                self.order += 1
                heapq.heappush(self.ahead, (rank, self.order, page))
        if len(self.ahead) > AHEAD:
            self.ahead = heapq.nsmallest(AHEAD, self.ahead)
        self._pump()

    def forget_others(self, versions: Iterable[str]) -> None:
        """The store has changed: nothing more is made from an earlier state, and its workers end."""
        kept = set(versions)
        self.ahead = [p for p in self.ahead if p[2].version in kept]
        heapq.heapify(self.ahead)
        for worker in list(self.workers):
            if worker.version not in kept and worker.job is None:
                worker.kill("its data is not the newest")

    def counts(self) -> dict[str, int]:
        """What is going on, in numbers."""
        return {
            "workers": len(self.workers),
            "waiting": len(self.queue),
            "running": sum(w.job is not None for w in self.workers),
            "ahead": len(self.ahead),
        }

    # --- inside ---

    def _task(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            self.tell(f"the pool: {type(problem).__name__}: {problem}")

    def _next(self) -> Job | None:
        """The job that is next: of the viewer who has fewest running, then the longest waiting."""
        running: dict[str, int] = {}
        for worker in self.workers:
            for name in set(worker.job.waiters.values()) if worker.job else ():
                running[name] = running.get(name, 0) + 1
        waiting = list(self.queue)
        return min(
            waiting,
            key=lambda j: min((running.get(n, 0) for n in j.waiters.values()), default=0),
            default=None,
        )

    def _pump(self) -> None:
        """Give work to whoever is free."""
        if self.closing:
            return
        while (job := self._next()) is not None:
            worker = self._free(job.asked)
            if worker is None:
                behind = [w for w in self.workers if w.job and not w.job.waiters and not w.left]
                if behind and len(self.queue) > sum(w.left for w in self.workers):
                    self._cancel(behind[0])
                return
            self.queue.remove(job)
            self._give(worker, job)
        busy = sum(w.job is not None for w in self.workers) + self.starting
        while self.ahead and busy < max(1, self.size - 1):
            asked = self.ahead[0][2]
            key = _name(asked)
            if self.snapshots.has(asked.key) or (key in self.jobs and not self.jobs[key].over):
                heapq.heappop(self.ahead)
                continue
            if (worker := self._free(asked)) is not None:
                heapq.heappop(self.ahead)
                job = self.jobs[key] = Job(asked)
                self._give(worker, job)
            return

    def _free(self, asked: Asked) -> Worker | None:
        """A worker for this page that has nothing to do; starts one, or ends one of another kind, where it may."""
        for worker in self.workers:
            if (
                worker.job is None
                and not worker.why
                and (worker.scope, worker.version) == (asked.scope, asked.version)
            ):
                return worker
        if len(self.workers) + self.starting >= self.size:
            other = [
                w
                for w in self.workers
                if w.job is None and not w.why and (w.scope, w.version) != (asked.scope, asked.version)
            ]
            if other:
                min(other, key=lambda w: w.used).kill("makes room")
            return None
        self.starting += 1
        self._task(self._spawn(asked))
        return None

    async def _spawn(self, asked: Asked) -> None:
        """Start a worker; what waits is given to it."""
        process = None
        try:
            if self.channel is not None:
                ours = await self._forked()
            else:
                process, ours = await asyncio.to_thread(zygote.alone)
            ours.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=ours, limit=ANSWER)
            worker = Worker(reader, writer, asked.scope, asked.store, asked.version, process=process)
            hello = json.loads(await asyncio.wait_for(reader.readline(), 60) or b"{}")
            worker.pid = hello.get("pid", 0)
            if not worker.pid:
                raise OSError("a worker ended before it began")
            if hasattr(os, "pidfd_open"):
                worker.handle = os.pidfd_open(worker.pid)
            self.workers.append(worker)
            self._task(self._listen(worker))
        except (OSError, ValueError, TimeoutError) as problem:
            self.tell(f"a worker could not be started: {problem}")
            await asyncio.sleep(0.5)
            self._restart_zygote()
        finally:
            self.starting -= 1
            self._pump()

    async def _forked(self) -> socket.socket:
        """Have the zygote fork a worker: our end of its channel."""
        assert self.channel is not None
        async with self.forking:
            loop = asyncio.get_running_loop()
            if getattr(self.zygote, "ready", None) is None:
                if await asyncio.wait_for(loop.sock_recv(self.channel, 1), 120) != b"R":
                    raise OSError("the process that workers are forked from ended")
                self.zygote.ready = True
            ours, theirs = socket.socketpair()
            try:
                socket.send_fds(self.channel, [b"F"], [theirs.fileno()])
            finally:
                theirs.close()
            return ours

    def _restart_zygote(self) -> None:
        if self.closing or self.zygote is None or self.zygote.poll() is None:
            return
        self.tell("the process that workers are forked from ended; it is started again")
        if self.channel is not None:
            self.channel.close()
        self.zygote, self.channel = zygote.start(self.notebooks)
        self.channel.setblocking(False)

    def _give(self, worker: Worker, job: Job) -> None:
        worker.job, job.worker, worker.left = job, worker, False
        worker.used = job.began = time.monotonic()
        job.tries += 1
        asked, job.key = job.asked, job.asked.key
        keep = self.snapshots.notebook(job.key)
        said = {
            "do": job.do,
            "notebook": str(asked.notebook),
            "given": asked.parameters,
            "data": str(asked.store),
            "as_of": asked.as_of,
            "keep": str(keep) if keep else "",
            "reference": job.reference,
        }
        worker.say(**said | job.extra)

    def _cancel(self, worker: Worker) -> None:
        """The run stops before its next cell."""
        if not worker.left:
            worker.left = True
            worker.say(stop=True)

    async def _listen(self, worker: Worker) -> None:
        """Take what a worker says until it ends."""
        try:
            while line := await worker.reader.readline():
                said, job = json.loads(line), worker.job
                if job is None:
                    continue
                if "part" in said:
                    job.parts.append((said["part"], said["html"]))
                    job.ring()
                    continue
                worker.job, job.worker = None, None
                worker.runs += 1
                worker.used = time.monotonic()
                if "done" in said:
                    await self._done(job, said["done"])
                elif said.get("left"):
                    self._put_back(job)
                else:
                    self._stop(job, said["stopped"], bug=said.get("bug", False))
                if worker.runs >= RUNS or said.get("bug") or worker.resident() > self.memory * 3 // 4:
                    worker.kill("has served long enough")
                self._pump()
        except (OSError, ValueError, asyncio.LimitOverrunError) as problem:
            worker.kill(f"what it said could not be read: {type(problem).__name__}")
        finally:
            self._gone(worker)

    def _gone(self, worker: Worker) -> None:
        """A worker has ended: its page is tried once more, unless it was the page's fault."""
        if worker.ended:
            return
        worker.ended = True
        if worker in self.workers:
            self.workers.remove(worker)
        worker.kill()
        worker.writer.close()
        if worker.handle >= 0:
            with suppress(OSError):
                os.close(worker.handle)
        if worker.process is not None:
            self._task(asyncio.to_thread(worker.process.wait))
        job, worker.job = worker.job, None
        if job is not None and not job.over:
            job.worker = None
            if worker.why in (TOO_LONG, TOO_LARGE):
                self._stop(job, worker.why, bug=True)
            elif job.tries >= 2:
                self._stop(job, DIED, bug=True)
            elif not job.waiters:
                self._forget(job)
            else:
                self.tell(f"a worker ended while it made {job.asked.notebook.stem}; the page is made again")
                job.parts.clear()
                self.queue.appendleft(job)
        if not self.closing:
            self._restart_zygote()
            self._pump()

    async def _done(self, job: Job, done: dict[str, Any]) -> None:
        asked = job.asked
        if job.do != "page":
            job.done = done
            self._forget(job)
            return
        moved = MOVED if asked.version != await asyncio.to_thread(state, asked.store) else ""
        if moved or asked.key != job.key:  # kept under its key it would be shown for what it is not
            job.moved = True
            self._stop(job, moved or EDITED)
            return
        snapshot = Snapshot(list(job.parts), done, asked.version)
        data = await asyncio.to_thread(snapshot.pack)
        self.snapshots.put(job.key, snapshot, data)
        self.snapshots.name(by_name(asked, done).key, job.key)
        job.done = done
        self._forget(job)
        self.made(asked, snapshot)

    def _put_back(self, job: Job) -> None:
        """A run gave way to another page."""
        job.parts.clear()
        if job.waiters:
            self.queue.appendleft(job)
        else:
            self._forget(job)
            if job.do == "page":
                self.order += 1
                heapq.heappush(self.ahead, (0.0, self.order, job.asked))

    def _stop(self, job: Job, said: str, *, bug: bool = False) -> None:
        if not job.over:
            job.stopped, job.bug = said, bug
            if bug:
                self.tell(f"[reference {job.reference}] {job.asked.notebook.stem}: {said}")
        self._forget(job)

    def _forget(self, job: Job) -> None:
        self.jobs = {k: j for k, j in self.jobs.items() if j is not job}
        job.ring()

    async def _watch(self) -> None:
        """End what hangs, grows too large, or is not asked any more."""
        while True:
            await asyncio.sleep(0.5)
            now = time.monotonic()
            for worker in list(self.workers):
                if worker.job is not None and now - worker.job.began > self.patience:
                    worker.kill(TOO_LONG)
                elif worker.resident() > self.memory:
                    worker.kill(TOO_LARGE)
                elif worker.job is None and now - worker.used > IDLE:
                    worker.kill("nobody asks")


def _name(asked: Asked, do: str = "page", **extra: Any) -> str:
    """What two jobs have in common that are one."""
    return f"{do} {asked.key} {json.dumps(extra, sort_keys=True)}"


def place(before: int) -> str:
    """Where a page is in the queue, in words.

    Examples
    --------
    >>> place(0), place(1), place(3)
    ('', '', 'Pages before yours: 2 …')
    """
    return f"Pages before yours: {before - 1} …" if before > 1 else ""
