"""Opening a store: the live files as one Ibis table, on an embedded engine that can reach nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from helpers.data import store as stores
from helpers.data.history import State
from helpers.terms import focus
from helpers.terms.errors import Damaged, Refused

if TYPE_CHECKING:
    import ibis


def open_charges(
    store: Path | str, as_of: date | None = None, *, memory: str = "2GB", threads: int | None = None
) -> ibis.Table:
    """The charges of a store, as of a day, as an Ibis table with FOCUS 1.4 column ids.

    Parameters
    ----------
    store : Path
    as_of : date, optional
        Take the deliveries dated up to this day; all when None.
    memory : str, default '2GB'
        What the engine may use before it spills to a temporary folder.
    threads : int, optional
        Cores; all when None.

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
    import ibis

    store = stores.need(store)
    state = stores.state_of(store, as_of)
    files = live_files(store, state, as_of)
    con = engine(memory, threads)
    con.execute(f"CREATE VIEW charges AS {stored_sql(files, state)}")
    con.execute(f"CREATE VIEW joined AS {_joined(con, store, as_of)}")
    backend = ibis.duckdb.from_connection(con)
    lock(con, files)
    return backend.table("joined")


def _joined(con: Any, store: Path, as_of: date | None) -> str:
    from importlib.util import find_spec

    if find_spec("helpers.data.allocation"):
        from helpers.data import allocation  # pyright: ignore[reportAttributeAccessIssue]

        return allocation.joined_view(con, store, as_of)
    return _stand_in()


def _stand_in() -> str:
    values = {
        "x_KitDepartment": "coalesce(SubAccountName, SubAccountId)",
        "x_KitTagged": "len(list_filter(map_values(Tags), v -> v IS NOT NULL AND v <> '')) > 0",
    }
    joined = ", ".join(
        f"CAST({values.get(name, 'NULL')} AS {kind}) AS {name}"
        for name, (kind, _) in focus.JOINED_KIT_COLUMNS.items()
    )
    return f"SELECT *, {joined} FROM charges"


def live_files(store: Path, state: State, as_of: date | None) -> list[Path]:
    """Absolute paths of the live files; says so where there is none or one is missing."""
    if not state.live:
        raise Refused(
            f"the store holds no charges{f' as of {as_of}' if as_of else ''}",
            "at least one delivery" + (f" dated up to {as_of}" if as_of else ""),
            "finops history shows what was delivered when" if as_of else "finops ingest FILE…",
            file=str(store),
        )
    files = [(store / stores.CHARGES / f.path).resolve() for f in state.live]
    for file in files:
        if not file.is_file():
            stores.refuse_vacuumed(store, as_of)
            raise Damaged(
                "the file is missing",
                "every file of the store",
                "restore it from a copy of the store, or ingest its source again into a new store",
                file=str(file),
            )
    return files


def stored_sql(files: list[Path], state: State) -> str:
    """SQL of the live files with every stored column, in one order; absent ones null."""
    columns = stores.stored_columns() | state.columns
    held = [r.columns.keys() | stores.stored_columns().keys() for r in state.deliveries]
    alike = all(h == held[0] for h in held)
    listed = ", ".join("'" + str(f).replace("'", "''") + "'" for f in files)
    names = ", ".join(stores.quoted(c) for c in columns)
    # union_by_name opens every footer before the first row, so only where the files differ
    return f"SELECT {names} FROM read_parquet([{listed}], union_by_name = {str(not alike).lower()})"


def engine(memory: str = "2GB", threads: int | None = None) -> Any:
    """A DuckDB connection with an instance of its own, in UTC, not yet locked."""
    import duckdb

    spill = Path(tempfile.gettempdir()) / f"finops-{uuid4().hex}"
    con = duckdb.connect(":memory:")
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET memory_limit = ?", [memory])
    con.execute("SET temp_directory = ?", [str(spill)])
    con.execute("SET parquet_metadata_cache = true")  # committed files never change
    if threads:
        con.execute("SET threads = ?", [threads])
    return con


def lock(con: Any, files: Iterable[Path]) -> None:
    """Shut a connection's way to anything but these files, for reading only, for good."""
    listed = ", ".join("'" + str(f).replace("'", "''") + "'" for f in files)
    con.execute(f"SET allowed_paths = [{listed}]")  # paths may be read; an allowed folder could be written
    for setting, value in (
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
        ("allow_community_extensions", "false"),
        ("python_enable_replacements", "false"),
        ("enable_external_access", "false"),
        ("lock_configuration", "true"),
    ):
        con.execute(f"SET {setting} = {value}")
