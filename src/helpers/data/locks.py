"""One writer at a time, staging areas that outlive nobody, and folders that are really on disk."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from helpers.terms.errors import KitError, Refused

STAGING = ".staging"
LOCK = ".lock"
HOLDER = ".lock.json"
JOURNAL = "moving.json"


@contextmanager
def writing(store: Path, timeout: float = 60.0) -> Iterator[None]:
    """Hold the store as its only writer; readers need no lock and are never blocked.

    Parameters
    ----------
    store : Path
    timeout : float, default 60
        How long to wait for another writer [s].

    Raises
    ------
    Refused
        If another process still holds the store after `timeout`; its pid, host, since and command are named.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(store / LOCK)
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        raise Refused(
            f"another writer holds the store: {_holder(store)}",
            f"one writer at a time; waited {timeout:g} s",
            "wait until it has finished, or give a longer --timeout",
            file=str(store),
        ) from None
    except OSError as problem:
        raise unwritable(problem, store) from problem
    try:
        with suppress(OSError):  # a note for people; the lock itself is what counts
            note = {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
                "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            }
            (store / HOLDER).write_text(json.dumps(note), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            (store / HOLDER).unlink(missing_ok=True)
        lock.release()


def _holder(store: Path) -> str:
    try:
        note = json.loads((store / HOLDER).read_text(encoding="utf-8"))
        return f"process {note['pid']} on {note['host']} since {note['since']} ({note['command']})"
    except (OSError, ValueError, KeyError):
        return "a process that left no name"


@contextmanager
def staging(store: Path) -> Iterator[Path]:
    """An own folder inside the store to write files in before they are committed; gone afterwards.

    A lock on the folder shows that its owner lives: the kernel frees it when the process dies, however it dies, so
    the next writer can tell leftovers from work in progress.
    """
    folder, lock = _own_folder(Path(store))
    try:
        yield folder
    finally:
        lock.release()
        if not (folder / JOURNAL).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _own_folder(store: Path, tries: int = 5) -> tuple[Path, Any]:
    """A new staging folder, locked before it has its name."""
    from filelock import FileLock

    name = uuid4().hex
    folder, unseen = store / STAGING / name, store / STAGING / f".{name}"
    lock = FileLock(unseen / LOCK)
    try:
        unseen.mkdir(parents=True)
        lock.acquire(timeout=0)
        unseen.rename(folder)
    except OSError as problem:
        lock.release()
        # a cleaner took it for a dead writer's, in the moment before it was locked or named
        if tries and (isinstance(problem, FileNotFoundError | TimeoutError)):
            return _own_folder(store, tries - 1)
        raise unwritable(problem, store) from problem
    return folder, lock


def leftovers(store: Path) -> list[Path]:
    """Staging folders whose owner has died. Call it while `writing`."""
    from filelock import FileLock, Timeout

    found = []
    for folder in sorted((store / STAGING).glob("*")):
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
            lock.release()
            if folder.name.startswith(
                "."
            ):  # its owner died before naming it, or finds it gone and takes another
                folder = folder.rename(folder.with_name(folder.name[1:]))
        except (Timeout, FileNotFoundError):
            continue
        found.append(folder)
    return found


def sync(path: Path) -> None:
    """Have the operating system put a file or a folder's entries on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unwritable(problem: Exception, store: Path) -> KitError:
    """What an operating system's refusal to write means to a person."""
    return Refused(
        f"the store cannot be written: {getattr(problem, 'strerror', None) or problem}",
        "a folder that may be written, with room for the delivery",
        "free space on its disk or choose another folder with --to; the store holds its last complete state",
        file=str(store),
    )
