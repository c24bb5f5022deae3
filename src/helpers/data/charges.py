"""Opening a store: the live files as one Ibis table, on an embedded engine that can reach nothing else."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.data import allocation, layout, shared
from helpers.data.engine import engine, listed, lock, unreadable
from helpers.data.history import State
from helpers.terms.errors import Damaged, Refused, UsageError

if TYPE_CHECKING:
    import ibis

ENGINE = "FINOPS_ENGINE"
ENGINES = ("duckdb", "spark")


def open_charges(
    store: Path | str,
    as_of: date | None = None,
    *,
    memory: str = "1GB",
    threads: int | None = None,
    on: str = "",
) -> ibis.Table:
    """The charges of a store, as of a day, as an Ibis table with FOCUS 1.4 column ids.

    Parameters
    ----------
    store : Path
    as_of : date, optional
        Take the deliveries dated up to this day; all when None.
    memory : str, default '1GB'
        What the engine may use before it spills to a temporary folder.
    threads : int, optional
        Cores; all when None.
    on : str
        Engine: ``duckdb`` (embedded) or ``spark`` (`helpers.data.spark`; docs/engines.md); empty for
        ``$FINOPS_ENGINE``, else ``duckdb``. `memory` and `threads` are the embedded engine's.

    Returns
    -------
    ibis.Table
        ``charges``: FOCUS 1.4, the kit's stored columns, providers' ``x_`` columns, the kit's joined columns. Money is
        DECIMAL(38,18), times are UTC. Its connection is its own, reads the store's live files only and cannot be
        unlocked; several can be open at once, also while the store is written.

    Raises
    ------
    Refused
        No store, nothing in it, nothing as of that day.
    Damaged
        A live file is missing.

    Examples
    --------
    >>> charges = open_charges("store")  # doctest: +SKIP
    >>> charges.BilledCost.sum().execute()  # doctest: +SKIP
    Decimal('18.006638618400000000')
    """
    import duckdb
    import ibis

    if chosen(on) == "spark":
        from helpers.data import spark

        return spark.charges(store, as_of)
    store = layout.need(store)
    con = engine(memory, threads or shared.threads())
    try:
        if ready := shared.charges(store, as_of):
            files = [ready]
            con.execute(f"CREATE VIEW joined AS SELECT * FROM read_parquet({listed(files)})")
        else:
            files = joined(con, store, as_of)
    except duckdb.Error as problem:
        con.close()
        raise unreadable(problem) from problem
    backend = ibis.duckdb.from_connection(con)
    lock(con, files)
    return backend.table("joined")


def joined(con: Any, store: Path, as_of: date | None) -> list[Path]:
    """Make the views ``charges`` and ``joined`` of a store; the live files behind them."""
    state = layout.state_of(store, as_of)
    files = live_files(store, state, as_of)
    con.execute(f"CREATE VIEW charges AS {stored_sql(files, state)}")
    con.execute(f"CREATE VIEW joined AS {allocation.joined_view(con, store, as_of)}")
    return files


def live_files(store: Path, state: State, as_of: date | None) -> list[Path]:
    """Absolute paths of the live files; says so where there is none or one is missing."""
    layout.refuse_vacuumed(store, state, as_of)
    if not state.live:
        raise Refused(
            f"the store holds no charges{f' as of {as_of}' if as_of else ''}",
            "at least one delivery" + (f" dated up to {as_of}" if as_of else ""),
            "finops history shows what was delivered when" if as_of else "finops ingest FILE…",
            file=str(store),
        )
    files, table = [], (store / layout.CHARGES).resolve()
    for live in state.live:
        file = table / live.path
        files.append(file)
        found = file.stat().st_size if file.is_file() else None
        if found != live.bytes:
            raise Damaged(
                "the file is missing"
                if found is None
                else f"the file has {found:,} bytes, not {live.bytes:,}",
                "every file of the store",
                "restore it from a copy of the store, or ingest its source again into a new store",
                file=str(file),
            )
    return files


def stored_sql(files: list[Path], state: State) -> str:
    """SQL of the live files with every stored column, in one order; absent ones null."""
    columns = layout.stored_columns() | state.columns
    held = [r.columns.keys() | layout.stored_columns().keys() for r in state.deliveries]
    alike = all(h == held[0] for h in held)
    names = ", ".join(layout.quoted(c) for c in columns)
    # union_by_name opens every footer before the first row, so only where the files differ
    return f"SELECT {names} FROM read_parquet({listed(files)}, union_by_name = {str(not alike).lower()})"


def chosen(on: str = "") -> str:
    """The engine's name, once it is known.

    Raises
    ------
    UsageError
    """
    name = on or os.environ.get(ENGINE, "") or ENGINES[0]
    if name not in ENGINES:
        raise UsageError(
            f"engine {name[:40]!r}", f"one of {', '.join(ENGINES)}", f"mend {ENGINE}, or leave it empty"
        )
    return name
