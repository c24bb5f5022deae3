"""Hourly use of resources in the store: kept by the month, opened as one Ibis table, matched with the charges' resources."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import helpers
from helpers.data import layout, locks, moving
from helpers.data.engine import engine, listed, lock, text, unreadable
from helpers.data.history import DeliveryRecord, SliceChange, replay
from helpers.data.measured import COLUMNS, MEMORY, ORDER, Measured, out_of_room, schema
from helpers.terms.errors import Damaged, Refused

NAME = "usage"  # its companion table in the store
PART = 5_000_000  # rows of a month that are joined at a time
KEYS = "USING (resource_id, metric, start)"


def open_usage(store: Path | str, as_of: date | None = None, *, memory: str = "1GB") -> Any:
    """Hourly use as of a day, or None where the store holds none.

    Returns
    -------
    ibis.Table or None
        ``resource_id``; ``metric`` (cpu, memory, network_in, network_out, disk_read, disk_write); ``unit`` (``%`` or
        ``bytes``); ``start`` of the hour [UTC]; ``average`` and ``maximum`` of its samples [unit]; ``samples`` [1].
        Bytes are those of one sample: average times samples is what passed in the hour. An hour without a row was not
        measured. Its connection reads these files only.

    Raises
    ------
    Damaged
        A file of it is missing.
    """
    import ibis

    from helpers.data import delta

    folder = layout.need(store) / layout.COMPANIONS / NAME
    live = replay(delta.records(folder), as_of).live
    if not live:
        return None
    files = [(folder / f.path).resolve() for f in live]
    for file in files:
        if not file.is_file():
            raise Damaged(
                "the file is missing",
                "the hourly use as it was taken in",
                "take its source in again, or restore it from a copy of the store",
                file=str(file),
            )
    con = engine(memory, None)
    con.execute(f"CREATE VIEW usage AS SELECT {', '.join(COLUMNS)} FROM read_parquet({listed(files)})")
    backend = ibis.duckdb.from_connection(con)
    lock(con, files)
    return backend.table("usage")


# --- kept -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """What was done: ``committed``, ``nothing`` (held already); months; rows brought, and rows of before that they replace."""

    done: str
    months: tuple[str, ...]
    rows: int
    replaced: int


def keep(
    store: Path | str,
    measured: Measured,
    delivered: date,
    *,
    now: datetime | None = None,
    timeout: float = 60.0,
) -> Kept:
    """Put measured hours into the store, in one commit or not at all: each replaces the same hour of its resource and metric.

    Hours that the delivery does not hold stay as they were; earlier states stay readable with `as_of`.

    Parameters
    ----------
    store : Path
    measured : Measured
        From `measured.stage`.
    delivered : date
        Day from which ``as_of`` finds it.
    now : datetime, optional
        Time of writing, with zone; the clock's when None.
    timeout : float, default 60
        How long to wait for another writer [s].

    Raises
    ------
    Refused
        A delivery dated before the newest one: each month is kept whole, so that a day between the two would see both.
    """
    from helpers.data import delta

    store, folder = Path(store), Path(store) / layout.COMPANIONS / NAME
    now = now or datetime.now(UTC)
    with moving.open_for_writing(store, now, timeout), locks.staging(store) as scratch:
        delta.create(folder, schema())
        records = delta.records(folder)
        state = replay(records)
        held = state.records
        if held and held[-1].id == measured.id and held[-1].delivered <= delivered:
            return Kept("nothing", tuple(measured.months), 0, 0)
        if held and delivered < (newest := max(r.delivered for r in held)):
            raise Refused(
                f"hourly use dated {delivered}, older than that of {newest} in the store",
                f"a delivery dated {newest} or later",
                "ingest deliveries of use in their order; an older one whose hours are still right can be dated anew "
                "by giving its files without their manifest",
                file=", ".join(measured.files[:3]),
            )
        moves, changes, removed, replaced = [], [], [], 0
        for month, file in measured.months.items():
            before = list(state.files.get(month, {}).values())
            files, rows, same = _merge([folder / f.path for f in before], file, scratch)
            replaced += same
            removed += [f.path for f in before]
            name = f"data/{month}/{measured.id[:12]}-{len(records) + 1}"
            moves += [(one, f"{name}-{n}.parquet", month) for n, one in enumerate(files)]
            action = "replaced" if before else "new"
            changes.append(
                SliceChange(month, "", month, action, rows, {}, rows_before=sum(f.rows for f in before))
            )
        record = DeliveryRecord(
            kind="delivery",
            id=measured.id,
            source=NAME,
            delivered=delivered,
            ingested=now,
            kit=helpers.__version__,
            slices=tuple(changes),
            removed=tuple(removed),
            notes=measured.notes,
            details={
                "file": ", ".join(sorted(Path(f).name for f in measured.files)),
                "sha256": measured.id,
                "rows": measured.rows,
            },
        )
        moving.move_and_commit(store, folder, moves, record, None, schema(), {c.key: c.rows for c in changes})
    return Kept("committed", tuple(measured.months), measured.rows, replaced)


def _merge(held: list[Path], new: Path, scratch: Path) -> tuple[list[Path], int, int]:
    """New hours and those held that they do not replace, as files; their rows, and how many were replaced.

    A large month is joined in parts, by hash of the resource, so that a part fits into memory.
    """
    import duckdb

    if not held:
        return [new], _rows(new), 0
    whole = _rows(new) + sum(_rows(f) for f in held)
    parts, files, same = 1 + whole // PART, [], 0
    con = engine(MEMORY)
    try:
        con.execute("SET preserve_insertion_order = false")
        for n in range(parts):
            mine, theirs = (
                f"(FROM read_parquet({listed(f)}) WHERE hash(resource_id) % {parts} = {n})"
                for f in ([new], held)
            )
            files.append(scratch / f"{new.stem}-{n}.parquet")
            columns, of_held = ", ".join(COLUMNS), ", ".join(f"held.{c}" for c in COLUMNS)
            con.execute(
                f"COPY (SELECT * FROM (SELECT {columns} FROM {mine} UNION ALL SELECT {of_held} FROM {theirs} AS held "
                f"ANTI JOIN {mine} AS new {KEYS}) {ORDER}) TO {text(files[-1])} (FORMAT parquet, COMPRESSION zstd)"
            )
            found = con.execute(
                f"SELECT count(*) FROM {theirs} AS held SEMI JOIN {mine} AS new {KEYS}"
            ).fetchone()
            same += int(found[0]) if found else 0
    except duckdb.Error as problem:
        raise out_of_room(problem) or unreadable(problem) from problem
    finally:
        con.close()
    return files, whole - same, same


def _rows(file: Path) -> int:
    from pyarrow.parquet import read_metadata

    return read_metadata(file).num_rows


# --- matched --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Matched:
    """Resources of the use, and what they are called in the charges.

    Attributes
    ----------
    ids : dict
        Name in the use -> ResourceId.
    how : dict
        Name in the use -> ``same`` (letter case aside), ``end`` (one is the end of the other, as i-0abc of its ARN) or
        ``name`` (their last parts are equal, the ways to them are not).
    ambiguous : dict
        Name -> the ResourceIds that it could be; none of them is taken.
    unmatched : tuple of str
        Names that no charge has.
    unmeasured : tuple of str
        ResourceIds of which nothing is measured.
    """

    ids: dict[str, str]
    how: dict[str, str]
    ambiguous: dict[str, tuple[str, ...]]
    unmatched: tuple[str, ...]
    unmeasured: tuple[str, ...]

    def sentence(self) -> str:
        """What matched and what did not, in one sentence."""
        whole = len(self.ids) + len(self.ambiguous) + len(self.unmatched)
        named = sum(h == "name" for h in self.how.values())
        parts = [f"{len(self.ids)} of {whole} measured resources are in the charges"]
        parts += [f"{named} of them by name only"] if named else []
        parts += [f"{len(self.ambiguous)} could be several"] if self.ambiguous else []
        parts += [f"{len(self.unmatched)} are not there"] if self.unmatched else []
        return ", ".join(parts) + f"; {len(self.unmeasured)} resources of the charges are not measured."


def match(usage: Any, resource_ids: Iterable[str]) -> Matched:
    """Which ResourceId of the charges each measured resource is.

    Parameters
    ----------
    usage : ibis.Table or iterable of str
        Hourly use, or the names of its resources.
    resource_ids : iterable of str
        ResourceId of the charges that could be meant (such as those of one month).

    Returns
    -------
    Matched
        A name that fits several ids, or several names that fit one id by their last part only, are not guessed.

    Examples
    --------
    >>> found = match(["i-0abc"], ["arn:aws:ec2:eu-west-1:1:instance/i-0abc"])
    >>> found.ids, found.how
    ({'i-0abc': 'arn:aws:ec2:eu-west-1:1:instance/i-0abc'}, {'i-0abc': 'end'})
    """
    names = sorted(set(_names(usage)))
    known = sorted({i for i in resource_ids if i})
    same: dict[str, list[str]] = defaultdict(list)
    last: dict[str, list[str]] = defaultdict(list)
    for one in known:
        same[one.casefold()].append(one)
        last[_parts(one)[-1]].append(one)
    ids, how, ambiguous, unmatched = {}, {}, {}, []
    for name in names:
        exact = [i for i in same.get(name.casefold(), []) if i == name] or same.get(name.casefold(), [])
        near = last.get(_parts(name)[-1], [])
        ends = [i for i in near if _is_end(_parts(i), _parts(name))]
        kind, fits = next(
            ((k, f) for k, f in (("same", exact), ("end", ends), ("name", near)) if f), ("", [])
        )
        if len(fits) == 1:
            ids[name], how[name] = fits[0], kind
        elif fits:
            ambiguous[name] = tuple(fits)
        else:
            unmatched.append(name)
    _leave_guesses(ids, how, ambiguous)
    taken = set(ids.values())
    return Matched(ids, how, ambiguous, tuple(unmatched), tuple(i for i in known if i not in taken))


def _leave_guesses(ids: dict[str, str], how: dict[str, str], ambiguous: dict[str, tuple[str, ...]]) -> None:
    """A name that fits by its last part only gives way to whoever fits the same id too."""
    fits: dict[str, list[str]] = defaultdict(list)
    for name, one in ids.items():
        fits[one].append(name)
    for one, several in fits.items():
        for name in several if len(several) > 1 else []:
            if how[name] == "name":
                ambiguous[name] = (one,)
                del ids[name], how[name]


def renamed(usage: Any, matched: Matched) -> Any:
    """Hourly use with the charges' ResourceIds; what did not match keeps the name of its source."""
    different = {name: one for name, one in matched.ids.items() if name != one}
    if not different:
        return usage
    return usage.mutate(resource_id=usage.resource_id.substitute(different))


def _names(usage: Any) -> Iterable[str]:
    if hasattr(usage, "resource_id"):
        return usage.select("resource_id").distinct().to_pandas()["resource_id"].tolist()
    return usage


def _parts(name: str) -> list[str]:
    return [p for p in re.split(r"[/:]+", name.casefold()) if p] or [""]


def _is_end(one: list[str], other: list[str]) -> bool:
    short = min(len(one), len(other))
    return one[-short:] == other[-short:]
