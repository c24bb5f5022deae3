"""Companion tables (owner rules, targets, usage, …) in the store: small Delta tables, versioned like the charges."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import helpers
from helpers.data import delta, layout, locks, moving
from helpers.data.history import DeliveryRecord, SliceChange, replay
from helpers.terms.errors import Damaged, UsageError

if TYPE_CHECKING:
    import pyarrow


def write_table(
    store: Path | str,
    name: str,
    table: pyarrow.Table,
    delivered: date,
    record: dict[str, Any],
    *,
    now: datetime | None = None,
    timeout: float = 60.0,
) -> bool:
    """Replace a companion table as a whole, in one commit; earlier versions stay readable.

    Parameters
    ----------
    store : Path
    name : str
        Letters, digits and ``_``.
    table : pyarrow.Table
    delivered : date
        Day from which ``as_of`` finds it.
    record : dict
        Plain data that is kept with it (file name, hash, rows, …): `DeliveryRecord.details`.
    now : datetime, optional
        Time of writing, with zone; the clock's when None.
    timeout : float, default 60
        How long to wait for another writer [s].

    Returns
    -------
    bool
        False where the very same table is held already and nothing was written.
    """
    from pyarrow import parquet

    store, folder = Path(store), _folder(Path(store), name)
    now = now or datetime.now(UTC)
    with moving.open_for_writing(store, now, timeout), locks.staging(store) as staged:
        file = staged / "table.parquet"
        parquet.write_table(table, file, compression="zstd")
        identity = hashlib.sha256(file.read_bytes()).hexdigest()
        delta.create(folder, table.schema)
        records = delta.records(folder)
        held = replay(records).deliveries
        if held and held[-1].id == identity and held[-1].delivered <= delivered:
            return False
        written = DeliveryRecord(
            kind="delivery",
            id=identity,
            source=name,
            delivered=delivered,
            ingested=now,
            kit=helpers.__version__,
            slices=(SliceChange(name, "", "", "replaced" if held else "new", table.num_rows, {}),),
            removed=tuple(f.path for f in replay(records).live),
            details=record,
        )
        path = f"data/{identity[:12]}-{len(records) + 1}.parquet"
        moving.move_and_commit(
            store, folder, [(file, path, name)], written, None, table.schema, {name: table.num_rows}
        )
        return True


def read_table(store: Path | str, name: str, as_of: date | None = None) -> pyarrow.Table | None:
    """A companion table as of a day, or None where there is none.

    Raises
    ------
    Damaged
        Its file is missing or not what was written: companions are small, so each is checked when read.
    """
    from pyarrow import parquet

    if name == "usage":
        raise UsageError(
            "hourly use as a table in memory",
            "a table that is opened, not read",
            "helpers.data.usage.open_usage",
        )
    folder = _folder(Path(store), name)
    live = replay(delta.records(folder), as_of).live
    if not live:
        return None
    file = folder / live[0].path
    if not file.is_file() or delta.file_hash(file) != live[0].sha256:
        raise Damaged(
            "the file is missing" if not file.is_file() else "the file is not what was written",
            "the companion table as it was taken in",
            "take its source in again, or restore it from a copy of the store",
            file=str(file),
        )
    return parquet.ParquetFile(file).read()


def table_record(store: Path | str, name: str, as_of: date | None = None) -> DeliveryRecord | None:
    """The delivery that a companion table comes from, or None."""
    found = replay(delta.records(_folder(Path(store), name)), as_of).deliveries
    return found[-1] if found else None


def table_names(store: Path | str) -> list[str]:
    """Companion tables that the store holds."""
    return [t.name for t in layout.tables(Path(store)) if t.parent.name == layout.COMPANIONS]


def _folder(store: Path, name: str) -> Path:
    if not re.fullmatch(r"\w{1,64}", name, re.ASCII):
        raise UsageError(f"companion table {name!r}", "a name of letters, digits and _", "choose such a name")
    return store / layout.COMPANIONS / name
