"""From staging into a table, whole or not at all: journal, rename, commit; and what a killed writer left, removed."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from helpers.data import delta, layout, locks
from helpers.data.history import DataFile, DeliveryRecord, is_data_path
from helpers.terms.errors import NotReconciled


@contextmanager
def open_for_writing(store: Path, now: datetime, timeout: float) -> Iterator[tuple[str, ...]]:
    """Be the store's only writer, the store made if need be; yields what dead writers' leavings were removed."""
    layout.refuse_other_folder(store)
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise locks.unwritable(problem, store) from problem
    with locks.writing(store, timeout):
        try:
            layout.make(store, now)
            cleaned = _clean(store)
        except OSError as problem:
            raise locks.unwritable(problem, store) from problem
        yield cleaned


def move_and_commit(
    store: Path,
    table: Path,
    moves: list[tuple[Path, str, str]],
    record: DeliveryRecord,
    partition: str | None,
    schema: Any,
    expected: dict[str, int],
) -> DeliveryRecord:
    """Move staged files into a table and commit them with the record; call it while `locks.writing`.

    A journal names the targets before the first move, so that whoever writes next can remove what a killed process
    has moved but not committed. A failure that can be caught is undone here.
    """
    from deltalake.exceptions import DeltaError

    with locks.staging(store) as folder:
        targets, journal = [table / path for _, path, _ in moves], folder / locks.JOURNAL
        try:
            added = tuple(delta.describe(file, path, key) for file, path, key in moves)
            _refuse_lost_rows(added, expected)
            record = replace(record, added=added)
            journal.write_text(json.dumps([t.relative_to(store).as_posix() for t in targets]), "utf-8")
            locks.sync(journal)
            locks.sync(folder)
            for (file, _, _), target in zip(moves, targets, strict=True):
                _move(file, target)
            for parent in {t.parent for t in targets}:
                locks.sync(parent)
            delta.commit(table, record, partition=partition, schema=schema)
        except BaseException as problem:
            if not _committed(table, record):
                for target in targets:
                    target.unlink(missing_ok=True)
                journal.unlink(missing_ok=True)
                if isinstance(problem, OSError | DeltaError):
                    raise locks.unwritable(problem, store) from problem
                raise
            if not isinstance(problem, Exception):
                raise
        journal.unlink(
            missing_ok=True
        )  # while it stands, the folder is left for the next writer to clean up after
    return replace(record, version=delta.open_table(table).version())


def _move(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        file.rename(target)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        shutil.copyfile(file, target)  # staged on another file system
        locks.sync(target)


def _committed(table: Path, record: DeliveryRecord) -> bool:
    return any(f.path in delta.paths(table) for f in record.added[:1])


def _refuse_lost_rows(added: tuple[DataFile, ...], expected: dict[str, int]) -> None:
    for key, rows in expected.items():
        written = sum(f.rows for f in added if f.slice == key)
        if written != rows:
            raise NotReconciled(
                f"{key}: {written:,} rows were written, {rows:,} were read",
                "every row of the source",
                "try again; if it comes back, report it with the file's first lines",
            )


def _clean(store: Path) -> tuple[str, ...]:
    """Remove what writers that died have left: staging folders, and files moved but never committed."""
    dead = locks.leftovers(store)
    if not dead:
        return ()
    said = []
    for folder in dead:
        journal = folder / locks.JOURNAL
        orphans = []
        if journal.is_file():
            known = _known_paths(store)
            try:
                listed = json.loads(journal.read_text(encoding="utf-8"))
            except ValueError:  # killed while writing it: nothing was moved yet
                listed = []
            orphans = [
                store / p for p in listed if p not in known and is_data_path(p) and (store / p).is_file()
            ]
            for orphan in orphans:
                orphan.unlink()
        for part in (p for table in layout.tables(store) for p in (table / "_delta_log").glob("*#*")):
            part.unlink()  # a log entry that was being written, never part of the table
        shutil.rmtree(folder, ignore_errors=True)
        said.append(
            f"a writer that died left {folder.relative_to(store).as_posix()}"
            + (f" and {len(orphans)} uncommitted file{'s' * (len(orphans) != 1)}" if orphans else "")
            + "; removed"
        )
    return tuple(said)


def _known_paths(store: Path) -> set[str]:
    """Every file that any commit of any table has ever added, relative to the store."""
    return {
        f"{table.relative_to(store).as_posix()}/{f.path}"
        for table in layout.tables(store)
        for r in delta.records(table)
        for f in r.added
    }
