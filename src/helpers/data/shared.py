"""What many runs over one state of a store need alike, made once: its checksums compared, its charges joined.

A batch makes two hundred reports from one state. Each would compare the same checksums, join the same owner rules and
SKUs to the same charges, and sum them for the reconciliation. Here the first two are done once for a state, in a private
folder outside the reports, and each run looks at what could have changed since: every file's size, times and inode. The
reconciliation is not shared: each run sums the very file that it reads its numbers from.
"""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

from helpers.terms.errors import Damaged
from helpers.terms.focus import COSTS

CHARGES = "charges.parquet"
RECORD = "shared.json"
ROWS_IN_A_GROUP = 30_000  # small enough that a month's filter skips most of a file of a year
_USED: dict[Path, dict[str, Any]] = {}  # store -> record, of this process
_THREADS: list[int] = []


def prepare(store: Path, as_of: date | None, folder: Path, *, memory: str = "1GB") -> Path:
    """Compare every checksum of the store, as pinned, and write its joined charges as one file.

    Parameters
    ----------
    store : Path
        Pinned before (`delta.pin`): the state that is prepared.
    as_of : date, optional
    folder : Path
        Private to the person who runs: it gets every department's charges.
    memory : str
        What the engine may use before it spills.

    Returns
    -------
    Path
        The record that `use` takes.

    Raises
    ------
    Damaged
        The store is not what was written, or the file does not hold what the store holds.
    """
    from helpers.data import charges, integrity, layout
    from helpers.data.engine import engine, listed, text

    store = layout.need(store).resolve()
    before = _seal(store)
    integrity.verify(store, deep=True)
    target = folder / CHARGES
    con = engine(memory)
    try:
        charges.joined(con, store, as_of)
        con.execute(
            f"COPY (SELECT * FROM joined) TO {text(target)} (FORMAT parquet, ROW_GROUP_SIZE {ROWS_IN_A_GROUP})"
        )
        sums = "count(*), sum(hash(t)::HUGEINT), " + ", ".join(f"sum({c})" for c in COSTS)
        views = ("joined", f"read_parquet({listed([target])})")
        held, kept = (con.execute(f"SELECT {sums} FROM {view} t").fetchall() for view in views)
        kinds = [con.execute(f"DESCRIBE SELECT * FROM {view}").fetchall() for view in views]
    finally:
        con.close()
    if held != kept or kinds[0] != kinds[1]:
        raise Damaged(
            "the shared copy of the charges differs from the store",
            "the same rows, sums and columns",
            "run it again; if it stays so, please report it",
            file=str(target),
        )
    target.chmod(0o400)
    record = folder / RECORD
    told = {
        "store": str(store),
        "as_of": as_of.isoformat() if as_of else "",
        "seal": before,
        "charges": str(target.resolve()),
        "charges_seal": _look(target),
    }
    record.write_text(json.dumps(told), "utf-8")
    return record


def use(record: Path, threads: int = 0) -> None:
    """From now on this process reads the store of a record as it was prepared.

    Parameters
    ----------
    record : Path
    threads : int
        How many cores the engine may use; 0 for all.
    """
    told = json.loads(record.read_text("utf-8"))
    _USED[Path(told["store"])] = told
    _THREADS[:] = [threads] if threads else []


def threads() -> int | None:
    """Cores for the engine, None for all."""
    return _THREADS[0] if _THREADS else None


def charges(store: Path, as_of: date | None) -> Path | None:
    """The joined charges of a store as of a day, where they were prepared and are as they were made."""
    told = _USED.get(store.resolve()) if _USED else None
    if told is None or told["as_of"] != (as_of.isoformat() if as_of else ""):
        return None
    file = Path(told["charges"])
    return file if _look(file) == told["charges_seal"] else None


def sealed(store: Path) -> bool:
    """Whether every file of the store is untouched since its checksum was compared."""
    told = _USED.get(store.resolve()) if _USED else None
    return told is not None and _seal(store.resolve()) == told["seal"]


def _seal(store: Path) -> dict[str, list[int]]:
    """Each needed file's size, times and inode: what a write changes, whoever writes."""
    from helpers.data import delta, layout
    from helpers.data.upkeep import kept

    found: dict[str, list[int]] = {}
    for table in layout.tables(store):
        for file in kept(delta.records(table)):
            path = table / file.path
            found[path.relative_to(store).as_posix()] = _look(path)
    return found


def _look(file: Path) -> list[int]:
    try:
        seen = os.stat(file)  # noqa: PTH116 - as fast as it gets, a thousand files a report
    except OSError:
        return []
    return [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino]
