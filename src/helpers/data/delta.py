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


def is_table(table: Path) -> bool:
    """Whether the folder holds a Delta table with at least one commit."""
    return next((table / "_delta_log").glob("*.json"), None) is not None


def create(table: Path, schema: Any, partition_by: list[str] | None = None) -> None:
    """Make an empty table of an Arrow schema; nothing happens where there is one."""
    from deltalake import DeltaTable, Schema

    if not is_table(table):
        DeltaTable.create(
            table, Schema.from_arrow(schema), partition_by=partition_by, configuration=CONFIGURATION
        )


def open_table(table: Path) -> Any:
    """The `deltalake.DeltaTable`, newest version, or `Damaged` where its log cannot be read."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        return DeltaTable(table)
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
    entries = sorted(open_table(table).history(), key=lambda e: e["version"])
    return [r for e in entries if (r := from_metadata(e, table))]


def paths(table: Path) -> set[str]:
    """Paths of the live files by Delta's own log, relative to the table."""
    adds = open_table(table).get_add_actions(flatten=True)
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
