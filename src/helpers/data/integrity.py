"""Is the store what was written, and do its numbers agree with the sources they came from?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.data import charges, delta, layout, locks, shared
from helpers.data.delivery import Totals
from helpers.data.engine import engine, listed, lock, unreadable
from helpers.data.history import State, add_totals, replay
from helpers.data.upkeep import kept
from helpers.terms.errors import Damaged
from helpers.terms.focus import COSTS
from helpers.terms.money import CONTEXT

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Verified:
    """How much was looked at: files and their bytes; `deep` when every byte was."""

    files: int
    bytes: int
    deep: bool


def verify(store: Path | str, deep: bool = True) -> Verified:
    """Check that the store is exactly what its records say.

    Where `shared.use` told of a state that was checked to the last byte, and no file was touched since, `deep` is not
    done again.

    Every file that some day's state needs is there, with its size and (`deep`) its SHA-256; no other Parquet file
    stands among them; the Delta log lists what the kit's records give; the records themselves are unchanged.

    Raises
    ------
    Damaged
        Naming the first file that is not right, how many more there are, and the remedy.
    """
    store = layout.need(store)
    if deep and shared.sealed(store):
        deep = False
    problems = list(_problems(store, deep))
    bad = [p for p in problems if isinstance(p, Damaged)]
    if bad:
        if len(bad) > 1:
            first = bad[0]
            more = f" (and {len(bad) - 1} more: {', '.join(str(b.file) for b in bad[1:6])})"
            raise Damaged(first.found + more, first.needed, first.remedy, file=first.file)
        raise bad[0]
    sizes = [p for p in problems if isinstance(p, int)]
    return Verified(len(sizes), sum(sizes), deep)


def _problems(store: Path, deep: bool) -> Iterator[Damaged | int]:
    """One item a file: its size where it is right, the error where it is not."""
    moving = _being_moved(store)
    for table in layout.tables(store):
        records = delta.records(table)
        for file in kept(records):
            path = table / file.path
            if not path.is_file():
                yield _damaged(path, "the file is missing")
            elif path.stat().st_size != file.bytes:
                yield _damaged(path, f"the file has {path.stat().st_size:,} bytes, not {file.bytes:,}")
            elif deep and delta.file_hash(path) != file.sha256:
                yield _damaged(path, "the file's bytes are not those that were written")
            else:
                yield file.bytes
        known = {f.path for r in records for f in r.added}
        for path in sorted(table.rglob("*.parquet")):
            relative = path.relative_to(table).as_posix()
            if relative.startswith("_delta_log/") or relative in known or path in moving:
                continue
            yield Damaged(
                "a file that no delivery brought",
                "only files that the kit has written",
                "move it out of the store; its charges are not counted (ingest it if they should be)",
                file=str(path),
            )
        listed, replayed = delta.paths(table), {f.path for f in replay(records).live}
        for stray in sorted(listed ^ replayed):
            yield Damaged(
                f"the table's log {'lists' if stray in listed else 'does not list'} the file, the records "
                f"{'do not' if stray in listed else 'do'}: another program has written to the table",
                "commits made by the kit only",
                "restore the store from a copy, or ingest its sources again into a new store",
                file=str(table / stray),
            )


def _damaged(path: Path, found: str) -> Damaged:
    return Damaged(
        found,
        "the file as its delivery wrote it",
        "restore it from a copy of the store, or ingest the sources again into a new store",
        file=str(path),
    )


def _being_moved(store: Path) -> set[Path]:
    """Targets in the journals of writers at work, or of dead ones that the next writer cleans up after."""
    found: set[Path] = set()
    for journal in (store / locks.STAGING).glob(f"*/{locks.JOURNAL}"):
        try:
            found.update(store / p for p in json.loads(journal.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue
    return found


# --- reconciliation -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """Rows and costs of one source, provider, billing month and currency: as read from the source, as in the store.

    Attributes
    ----------
    source, provider, period, currency : str
    rows_source, rows_store : int
    in_source, in_store : dict
        The four costs [currency], exact.
    """

    source: str
    provider: str
    period: str
    currency: str
    rows_source: int
    rows_store: int
    in_source: Totals
    in_store: Totals

    @property
    def difference(self) -> Totals:
        """Store less source [currency]; exactly 0 where all is well."""
        return {c: CONTEXT.subtract(self.in_store[c], self.in_source[c]) for c in COSTS}

    @property
    def exact(self) -> bool:
        """Whether rows and all four costs agree to the last digit."""
        return self.rows_source == self.rows_store and not any(self.difference.values())


@dataclass(frozen=True)
class Residue:
    """Digits beyond 18 places: source less stored, of `count` values of a column; kept as text in ``x_KitExact``."""

    source: str
    period: str
    column: str
    count: int
    amount: Decimal


@dataclass(frozen=True)
class Reconciliation:
    """Every line, and the residue that the stored columns do not hold."""

    lines: tuple[Line, ...]
    residue: tuple[Residue, ...]

    @property
    def exact(self) -> bool:
        """Whether every line agrees."""
        return all(line.exact for line in self.lines)

    @property
    def rows(self) -> int:
        """Charges in the store."""
        return sum(line.rows_store for line in self.lines)

    def frame(self) -> pandas.DataFrame:
        """One row a line: keys, then rows and each cost in source and store and their difference (Decimal objects)."""
        import pandas

        return pandas.DataFrame(
            [
                {
                    "source": x.source,
                    "provider": x.provider,
                    "period": x.period,
                    "currency": x.currency,
                    "rows_source": x.rows_source,
                    "rows_store": x.rows_store,
                    "rows_difference": x.rows_store - x.rows_source,
                }
                | {
                    f"{c}_{what}": sums[c]
                    for c in COSTS
                    for what, sums in (
                        ("source", x.in_source),
                        ("store", x.in_store),
                        ("difference", x.difference),
                    )
                }
                for x in self.lines
            ]
        )


def reconcile(store: Path | str, as_of: date | None = None) -> Reconciliation:
    """Compare what the deliveries' records say was read with what the live files give now.

    Parameters
    ----------
    store : Path
    as_of : date, optional
        Deliveries dated up to this day; all when None.

    Returns
    -------
    Reconciliation
        Lines sorted by source, provider, period, currency.
    """
    store = layout.need(store)
    state = layout.state_of(store, as_of)
    ready = shared.charges(store, as_of)  # what this run reads its numbers from
    files = [ready] if ready else charges.live_files(store, state, as_of)
    read, stored = _recorded(state), _stored(files)
    none: tuple[int, Totals] = (0, dict.fromkeys(COSTS, Decimal(0)))
    lines = []
    for key in sorted(read.keys() | stored.keys()):
        (rows_source, in_source), (rows_store, in_store) = read.get(key, none), stored.get(key, none)
        lines.append(Line(*key, rows_source, rows_store, in_source, in_store))
    return Reconciliation(tuple(lines), tuple(_residue(state)))


def _recorded(state: State) -> dict[tuple[str, str, str, str], tuple[int, Totals]]:
    found: dict[tuple[str, str, str, str], tuple[int, Totals]] = {}
    for parts in state.parts.values():
        for record, change in parts:
            for (provider, currency), costs in change.totals.items():
                key = (record.source, provider, change.period, currency)
                rows, held = found.get(key, (0, None))
                several = [{("", ""): t} for t in (held, costs) if t is not None]
                found[key] = (rows + change.counts[provider, currency], add_totals(several)["", ""])
    return found


def _stored(files: list[Path]) -> dict[tuple[str, str, str, str], tuple[int, Totals]]:
    import duckdb

    sums = ", ".join(f"coalesce(sum({c}), 0)" for c in COSTS)
    keys = "x_KitSource, coalesce(ServiceProviderName, ''), x_KitPeriod, coalesce(BillingCurrency, '')"
    con = engine()
    lock(con, files)
    try:
        rows = con.execute(
            f"SELECT {keys}, count(*), {sums} FROM read_parquet({listed(files)}) GROUP BY ALL"
        ).fetchall()
    except duckdb.Error as problem:
        raise unreadable(problem) from problem
    finally:
        con.close()
    return {tuple(r[:4]): (r[4], dict(zip(COSTS, r[5:], strict=True))) for r in rows}


def _residue(state: State) -> Iterator[Residue]:
    sums: dict[tuple[str, str, str], tuple[int, Decimal]] = {}
    for parts in state.parts.values():
        for record, change in parts:
            for column, (count, amount) in change.residue.items():
                key = (record.source, change.period, column)
                held = sums.get(key, (0, Decimal(0)))
                sums[key] = (held[0] + count, CONTEXT.add(held[1], amount))
    return (Residue(*key, *sums[key]) for key in sorted(sums))
