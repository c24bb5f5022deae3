"""Hourly use of resources in the store, as one Ibis table."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from helpers.data import layout
from helpers.data.engine import engine, listed, lock
from helpers.data.history import replay

NAME = "usage"  # its companion table in the store
COLUMNS = ("resource_id", "metric", "unit", "start", "average", "maximum", "samples")


def open_usage(store: Path | str, as_of: date | None = None, *, memory: str = "1GB") -> Any:
    """Hourly use as of a day, or None where the store holds none.

    Returns
    -------
    ibis.Table or None
        ``resource_id``; ``metric`` (cpu, memory, network_in, network_out, disk_read, disk_write, …); ``unit`` (``%`` or
        ``bytes``); ``start`` of the hour [UTC]; ``average`` and ``maximum`` of its samples [unit]; ``samples`` [1].
        Its connection reads these files only.
    """
    import ibis

    from helpers.data import delta

    folder = layout.need(store) / layout.COMPANIONS / NAME
    live = replay(delta.records(folder), as_of).live
    if not live:
        return None
    files = [(folder / f.path).resolve() for f in live]
    con = engine(memory, None)
    con.execute(f"CREATE VIEW usage AS SELECT {', '.join(COLUMNS)} FROM read_parquet({listed(files)})")
    backend = ibis.duckdb.from_connection(con)
    lock(con, files)
    return backend.table("usage")
