"""Delta tables of the store: made, committed to and read in one way, for charges and companions alike.

Parquet files are written elsewhere (DuckDB, pyarrow), moved into the table's folder and made part of it by one
commit of add and remove actions that carries the delivery's record. Until that commit nobody sees them.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from helpers.data.history import DataFile, DeliveryRecord, from_metadata, to_metadata
from helpers.data.locks import sync
from helpers.terms.errors import Damaged

# With Delta's defaults the log of old versions is deleted after 30 days: history must outlive that.
CONFIGURATION = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}
CHECKPOINT_EVERY = 50
SKIPPING = ("BillingPeriodStart", "ChargePeriodStart")  # min and max of these let other engines skip files


_PINS: dict[
    Path, dict[str, tuple[int, str]]
] = {}  # store -> table's path in it -> version, mark of its records
_HELD: dict[Path, list[DeliveryRecord]] = {}  # records of pinned tables, read once


def pin(store: Path, tables: dict[str, tuple[int, str]] | None = None) -> dict[str, tuple[int, str]]:
    """From now on this process reads `store` as it is at this moment, whatever writers do meanwhile.

    A report reads a store in many places; without a pin a delivery that comes in between would be in some of them and
    not in others. Only the log is held: no file is copied, none is kept from a vacuum.

    Parameters
    ----------
    store : Path
    tables : dict, optional
        What an earlier `pin` returned, in this or another process, to read that very state; by default the newest.

    Returns
    -------
    dict
        Table's path inside the store -> its version, and a mark of its records by which another store is told apart.
    """
    root = store.resolve()
    unpin(store)
    if tables is None:
        tables, again = _versions(root), {}
        while tables != again:  # no commit fell between the first table and the last
            tables, again = _versions(root), tables
    _PINS[root] = {name: (version, mark) for name, (version, mark) in tables.items()}
    return dict(_PINS[root])


def unpin(store: Path) -> None:
    """Read the newest state again."""
    root = store.resolve()
    _PINS.pop(root, None)
    for table in [t for t in _HELD if t.is_relative_to(root)]:
        del _HELD[table]


def pinned(store: Path) -> bool:
    """Whether this process reads a fixed state of `store`."""
    return store.resolve() in _PINS


def confirm() -> None:
    """Make sure that every pinned state is still what lies on disk.

    Raises
    ------
    Damaged
        The store's folder was exchanged for another one meanwhile.
    """
    for root, tables in _PINS.items():
        for name, (version, mark) in tables.items():
            table = root / name
            there = next((table / "_delta_log").glob("*.json"), None)
            _same(table, _records(table, version) if there else [], mark)


def _versions(root: Path) -> dict[str, tuple[int, str]]:
    logs = [*root.glob("*/_delta_log"), *root.glob("*/*/_delta_log")]
    found = {}
    for table in sorted(log.parent for log in logs if is_table(log.parent)):
        version = open_table(table).version()  # foreign commits count too: `integrity.verify` finds them
        found[table.relative_to(root).as_posix()] = version, _mark(_records(table, version))
    return found


def _mark(records: list[DeliveryRecord]) -> str:
    told = json.dumps([[r.version, r.kind, r.id, r.ingested.isoformat()] for r in records])
    return hashlib.sha256(told.encode()).hexdigest()


def _same(table: Path, records: list[DeliveryRecord], mark: str) -> None:
    if _mark(records) != mark:
        raise Damaged(
            "the store was replaced while it was read",
            "one state of the store from the first number to the last",
            "run it again: it reads the new state from its beginning",
            file=str(table),
        )


def _pin_of(table: Path) -> tuple[bool, tuple[int, str] | None]:
    """Whether the table's store is pinned, and the table's place in the pin."""
    if not _PINS:
        return False, None
    whole = table.resolve()
    for root, tables in _PINS.items():
        if whole.is_relative_to(root):
            return True, tables.get(whole.relative_to(root).as_posix())
    return False, None


def is_table(table: Path) -> bool:
    """Whether the folder holds a Delta table with at least one commit."""
    held, place = _pin_of(table)
    if held:
        return place is not None
    return next((table / "_delta_log").glob("*.json"), None) is not None


def create(table: Path, schema: Any, partition_by: list[str] | None = None) -> None:
    """Make an empty table of an Arrow schema; nothing happens where there is one."""
    from deltalake import DeltaTable, Schema

    if not is_table(table):
        DeltaTable.create(
            table, Schema.from_arrow(schema), partition_by=partition_by, configuration=CONFIGURATION
        )


def open_table(table: Path, version: int | None = None) -> Any:
    """The `deltalake.DeltaTable`, newest or given version, or `Damaged` where its log cannot be read."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        return DeltaTable(table, version=version)
    except (DeltaError, ValueError, OSError) as problem:
        raise Damaged(
            f"the Delta log cannot be read: {problem}",
            "the folder as the kit wrote it",
            "restore the store's folder from a copy, or ingest its sources again into a new store",
            file=str(table / "_delta_log"),
        ) from problem


def records(table: Path) -> list[DeliveryRecord]:
    """Our records in commit order; commits of others carry none and are left to `integrity.verify`."""
    if not is_table(table):
        return []
    place = _pin_of(table)[1]
    if place is None:
        return _records(table)
    whole = table.resolve()
    if whole not in _HELD:
        version, mark = place
        found = _records(table, version)
        _same(table, found, mark)
        _HELD[whole] = found
    return list(_HELD[whole])


def _records(table: Path, until: int | None = None) -> list[DeliveryRecord]:
    """Our records of all commits, or of those up to a version."""
    entries = sorted(open_table(table).history(), key=lambda e: e["version"])
    found = [r for e in entries if (r := from_metadata(e, table))]
    return found if until is None else [r for r in found if r.version <= until]


def paths(table: Path) -> set[str]:
    """Paths of the live files by Delta's own log, relative to the table."""
    place = _pin_of(table)[1]
    adds = open_table(table, place[0] if place else None).get_add_actions(flatten=True)
    return set(adds.column("path").to_pylist())


def describe(file: Path, path: str, key: str) -> DataFile:
    """Hash, size and row count of a Parquet file, flushed to disk and closed to writing."""
    from pyarrow.parquet import read_metadata

    # DuckDB's allowed_paths keep others' files out but let COPY … (use_tmp_file false) write an allowed one.
    file.chmod(0o444)
    sync(file)
    return DataFile(path, file_hash(file), file.stat().st_size, read_metadata(file).num_rows, key)


def file_hash(file: Path) -> str:
    """SHA-256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def commit(table: Path, record: DeliveryRecord, *, partition: str | None, schema: Any = None) -> None:
    """Add and remove files in one commit that carries the record; on disk when it returns.

    Parameters
    ----------
    table : Path
    record : DeliveryRecord
        Its `added` files must stand in the table's folder; its `removed` paths leave the table.
    partition : str or None
        Partition column, whose value is each file's slice.
    schema : pyarrow.Schema, optional
        Columns of the added files; those the table lacks are added to it first.
    """
    from deltalake import CommitProperties, PostCommitHookProperties
    from deltalake.transaction import AddAction, RemoveAction

    delta = open_table(table)
    if schema is not None:
        delta = _widen(table, delta, schema)
    now = int(time.time() * 1000)
    moves = record.kind != "compaction"  # a compaction changes no data
    actions: list[Any] = [
        AddAction(
            f.path,
            f.bytes,
            {partition: f.slice} if partition else {},
            now,
            moves,
            json.dumps(_stats(table / f.path, f.rows)),
        )
        for f in record.added
    ]
    actions += [RemoveAction(p, data_change=moves, deletion_timestamp=now) for p in record.removed]
    # No hook: a checkpoint that fails (full disk) must not make a commit that is done look failed.
    delta.create_write_transaction(
        actions,
        "append",
        delta.schema(),
        [partition] if partition else None,
        commit_properties=CommitProperties(custom_metadata=to_metadata(record), max_commit_retries=0),
        post_commithook_properties=PostCommitHookProperties(
            create_checkpoint=False, cleanup_expired_logs=False
        ),
    )
    _settle(table)


def _widen(table: Path, delta: Any, schema: Any) -> Any:
    from deltalake import Schema

    held = {f.name for f in delta.schema().fields}
    added = [f for f in Schema.from_arrow(schema).fields if f.name not in held]
    if not added:
        return delta
    delta.alter.add_columns(added)
    return open_table(table)


def _settle(table: Path) -> None:
    log = table / "_delta_log"
    newest = max(log.glob("*.json"))
    sync(newest)
    sync(log)
    if int(newest.stem) % CHECKPOINT_EVERY == 0:
        with suppress(Exception):  # speeds up opening, nothing more; the next one comes
            open_table(table).create_checkpoint()


def _stats(file: Path, rows: int) -> dict[str, Any]:
    from pyarrow.parquet import read_metadata

    footer = read_metadata(file)
    names = {footer.schema.column(i).name: i for i in range(footer.num_columns)}
    stats: dict[str, Any] = {"numRecords": rows, "minValues": {}, "maxValues": {}, "nullCount": {}}
    for name in SKIPPING:
        found = [
            footer.row_group(g).column(names[name]).statistics
            for g in range(footer.num_row_groups)
            if name in names
        ]
        if found and all(s is not None and s.has_min_max and s.has_null_count for s in found):
            stats["minValues"][name] = _instant(min(s.min for s in found))
            stats["maxValues"][name] = _instant(max(s.max for s in found) + timedelta(microseconds=999))
            stats["nullCount"][name] = sum(s.null_count for s in found)
    return stats


def _instant(when: datetime) -> str:
    """Delta keeps times in statistics at milliseconds, so a maximum is rounded up by the caller."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
