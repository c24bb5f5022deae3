"""Upkeep of a store: join small files, drop old history, raise the format. None of it changes a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import helpers
from helpers.data import delta, layout, locks, moving
from helpers.data.engine import engine, listed, text
from helpers.data.history import DataFile, DeliveryRecord, replay
from helpers.terms.errors import NotReconciled
from helpers.terms.focus import COSTS


@dataclass(frozen=True)
class Upkeep:
    """What was done: a sentence, files before and after, bytes freed, and leftovers of dead writers removed."""

    done: str
    files_before: int
    files_after: int
    bytes_freed: int = 0
    cleaned: tuple[str, ...] = ()


def compact(store: Path | str, *, now: datetime, timeout: float = 60.0) -> Upkeep:
    """Join the files of each slice into one, sorted by time, in one commit.

    Earlier states stay readable: the joined files leave the table, not the disk (`vacuum` does that).

    Parameters
    ----------
    store : Path
    now : datetime
        With zone.
    timeout : float, default 60
        How long to wait for another writer [s].
    """
    store = layout.need(store)
    with moving.open_for_writing(store, now, timeout) as cleaned, locks.staging(store) as folder:
        state = layout.state_of(store)
        many = {key: list(files.values()) for key, files in state.files.items() if len(files) > 1}
        before = len(state.live)
        if not many:
            return Upkeep("every slice is one file already", before, before, cleaned=cleaned)
        table = store / layout.CHARGES
        tag = delta.open_table(table).version() + 1
        moves, expected = [], {}
        for n, (key, files) in enumerate(many.items()):
            joined = folder / f"{n}.parquet"
            _join([table / f.path for f in files], joined)
            month = Path(files[0].path).parent
            moves.append((joined, f"{month.as_posix()}/joined-{tag}-{n}.parquet", key))
            expected[key] = sum(f.rows for f in files)
        record = _record(
            "compaction", now.date(), now, removed=tuple(f.path for files in many.values() for f in files)
        )
        record.joined.update({key: [f.path for f in files] for key, files in many.items()})
        moving.move_and_commit(store, table, moves, record, layout.PARTITION, None, expected)
        after = len(layout.state_of(store).live)
        return Upkeep(f"{before} files joined into {after}", before, after, cleaned=cleaned)


def _join(files: list[Path], target: Path) -> None:
    con = engine()
    try:
        source = f"read_parquet({listed(files)}, union_by_name = true)"
        con.execute(
            f"COPY (SELECT * FROM {source} ORDER BY ChargePeriodStart) TO {text(target)} "
            "(FORMAT parquet, COMPRESSION zstd)"
        )
        sums = ", ".join(["count(*)", *(f"sum({c})" for c in COSTS)])
        before = con.execute(f"SELECT {sums} FROM {source}").fetchone()
        after = con.execute(f"SELECT {sums} FROM read_parquet({listed([target])})").fetchone()
    finally:
        con.close()
    if before != after:
        raise NotReconciled(
            f"joining files gave {after}, not {before}",
            "the same rows and costs",
            "report it; nothing changed",
        )


def vacuum(store: Path | str, keep_since: date, *, now: datetime, timeout: float = 60.0) -> Upkeep:
    """Delete files that no state from `keep_since` on needs. States before that day can then not be opened.

    Parameters
    ----------
    store : Path
    keep_since : date
        First day whose state stays readable.
    now : datetime
        With zone.
    timeout : float, default 60
        How long to wait for another writer [s].
    """
    store = layout.need(store)
    with moving.open_for_writing(store, now, timeout) as cleaned:
        doomed: list[Path] = []
        before = after = 0
        for table in layout.tables(store):
            records = delta.records(table)
            known = {f.path for r in records for f in r.added if (table / f.path).is_file()}
            gone = known - {f.path for f in needed(records, keep_since)}
            before, after = before + len(known), after + len(known) - len(gone)
            if gone:  # said before it is done: a kill in between leaves files, never a surprise
                delta.commit(table, _record("vacuum", keep_since, now), partition=_partition(store, table))
                doomed += [table / p for p in gone]
        freed = sum(f.stat().st_size for f in doomed)
        for file in doomed:
            file.unlink()
        said = (
            f"{len(doomed)} files removed that only states before {keep_since} need"
            if doomed
            else "nothing to remove"
        )
        return Upkeep(said, before, after, freed, cleaned)


def kept(records: Sequence[DeliveryRecord]) -> list[DataFile]:
    """Files that the state of some day is made of that no vacuum has closed."""
    return needed(records, max((r.delivered for r in records if r.kind == "vacuum"), default=None))


def needed(records: Iterable[DeliveryRecord], keep_since: date | None) -> list[DataFile]:
    """Files that the state of some day from `keep_since` on (any day when None) is made of."""
    records = list(records)
    days = {r.delivered for r in records if r.kind == "delivery"}
    if keep_since:
        days = {d for d in days if d > keep_since} | {keep_since}
    states = [replay(records), *(replay(records, day) for day in days)]
    return list({f.path: f for state in states for f in state.live}.values())


def upgrade(store: Path | str, *, now: datetime, timeout: float = 60.0) -> Upkeep:
    """Raise a store of an earlier format to this kit's. Format 1 is the first, so there is nothing to raise yet."""
    store = layout.need(store)
    with moving.open_for_writing(store, now, timeout) as cleaned:
        files = len(layout.state_of(store).live)
        return Upkeep(f"the store has format {layout.FORMAT} already", files, files, cleaned=cleaned)


def _partition(store: Path, table: Path) -> str | None:
    return layout.PARTITION if table == store / layout.CHARGES else None


def _record(kind: str, day: date, now: datetime, removed: tuple[str, ...] = ()) -> DeliveryRecord:
    return DeliveryRecord(
        kind=kind, id="", source="", delivered=day, ingested=now, kit=helpers.__version__, removed=removed
    )
