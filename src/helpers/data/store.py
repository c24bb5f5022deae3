"""The store: a folder with a Delta Lake table of charges, companion tables, and every delivery's record.

This is the door; behind it `layout` (the folder), `restatement` (what a delivery may do), `moving` (whole or not at
all), `delta` (tables), `history` (records and replay), `upkeep`, `tables` (companions), `integrity`. See docs/store.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from helpers.data import delta, layout
from helpers.data.delivery import Staged
from helpers.data.history import DeliveryRecord, State
from helpers.data.integrity import reconcile, verify
from helpers.data.layout import exists, need, state_of
from helpers.data.locks import staging
from helpers.data.moving import move_and_commit, open_for_writing
from helpers.data.restatement import Choice, Outcome, decide
from helpers.data.tables import read_table, table_names, table_record, write_table
from helpers.data.upkeep import compact, upgrade, vacuum
from helpers.terms.focus import COSTS
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas

__all__ = [
    "Outcome",
    "compact",
    "deliveries",
    "exists",
    "history",
    "ingest",
    "need",
    "read_table",
    "reconcile",
    "snapshot",
    "sources",
    "staging",
    "state_of",
    "table_names",
    "table_record",
    "upgrade",
    "vacuum",
    "verify",
    "write_table",
]


def ingest(
    store: Path | str,
    staged: Staged,
    *,
    replace: Iterable[str] = (),
    append: bool = False,
    accept_older: bool = False,
    dry_run: bool = False,
    now: datetime,
    timeout: float = 60.0,
) -> Outcome:
    """Put one delivery of one source into the store, whole, in one commit, or not at all.

    Parameters
    ----------
    store : Path
        Folder; made where there is none.
    staged : Staged
        Its Parquet files are moved into the store.
    replace : iterable of str
        Billing months that this delivery replaces, whatever it holds of them.
    append : bool
        Add to what is held of the other months instead of replacing it.
    accept_older : bool
        Take a delivery dated before the newest one held of its months.
    dry_run : bool
        Decide and report, write nothing.
    now : datetime
        Time of ingest, with zone.
    timeout : float, default 60
        How long to wait for another writer [s].

    Returns
    -------
    Outcome

    Raises
    ------
    Refused
        Where doing so could lose or double money: too small to replace what is held, older than what is held, months
        that another source holds too. Nothing has changed then.
    """
    store = Path(store)
    choice = Choice(tuple(replace), append, accept_older)
    if dry_run:
        return decide(staged, state_of(store) if exists(store) else State(), choice, now)
    with open_for_writing(store, now, timeout) as cleaned:
        outcome = decide(staged, state_of(store), choice, now)
        if outcome.done == "would commit":
            outcome = Outcome("committed", _commit(store, staged, outcome.record))
        return Outcome(outcome.done, outcome.record, cleaned)


def _commit(store: Path, staged: Staged, record: DeliveryRecord) -> DeliveryRecord:
    tag = f"{record.id[:12]}-{delta.open_table(store / layout.CHARGES).version() + 1}"
    moves = [
        (Path(file), f"data/{Month.parse(new.period)}/{tag}-{i}-{n}.parquet", change.key)
        for i, (new, change) in enumerate(zip(staged.slices, record.slices, strict=True))
        for n, file in enumerate(new.files)
    ]
    schema = layout.arrow_schema(staged.columns)
    expected = {c.key: c.rows for c in record.slices}
    return move_and_commit(store, store / layout.CHARGES, moves, record, layout.PARTITION, schema, expected)


def history(store: Path | str, as_of: date | None = None) -> list[DeliveryRecord]:
    """Every delivery and piece of upkeep in commit order; with `as_of` the deliveries dated up to that day."""
    found = delta.records(need(store) / layout.CHARGES)
    return [r for r in found if as_of is None or (r.kind == "delivery" and r.delivered <= as_of)]


@dataclass(frozen=True)
class Source:
    """A named export that the store holds.

    Attributes
    ----------
    name : str
    providers, accounts, periods : tuple of str
        What is live of it.
    deliveries : int
        Deliveries of which something is live.
    newest : date
        Day of the newest of them.
    rows : int
    """

    name: str
    providers: tuple[str, ...]
    accounts: tuple[str, ...]
    periods: tuple[str, ...]
    deliveries: int
    newest: date
    rows: int


def sources(store: Path | str, as_of: date | None = None) -> list[Source]:
    """Every source of which something is live, by name."""
    parts = [p for held in state_of(need(store), as_of).parts.values() for p in held]
    found = []
    for name in sorted({r.source for r, _ in parts}):
        mine = [(r, c) for r, c in parts if r.source == name]
        found.append(
            Source(
                name,
                tuple(sorted({provider for _, c in mine for provider, _ in c.totals})),
                tuple(sorted({c.account for _, c in mine})),
                tuple(sorted({c.period for _, c in mine})),
                len({r.version for r, _ in mine}),
                max(r.delivered for r, _ in mine),
                sum(c.rows for _, c in mine),
            )
        )
    return found


def deliveries(store: Path | str, as_of: date | None = None) -> pandas.DataFrame:
    """One row for each slice, provider and currency that each delivery touched, in commit order.

    Returns
    -------
    pandas.DataFrame
        version, id, source, delivered, ingested, account, period, action, provider, currency, rows_before, rows_after
        (of the slice), and each of the four costs before and after [currency], as Decimal objects.
    """
    import pandas

    zero = dict.fromkeys(COSTS, Decimal(0))
    rows = [
        {
            "version": r.version,
            "id": r.id,
            "source": r.source,
            "delivered": r.delivered,
            "ingested": r.ingested,
            "account": c.account,
            "period": c.period,
            "action": c.action,
            "provider": key[0],
            "currency": key[1],
            "rows_before": c.rows_before,
            "rows_after": c.rows_after,
        }
        | {f"{cost}_before": c.totals_before.get(key, zero)[cost] for cost in COSTS}
        | {f"{cost}_after": c.totals_after.get(key, zero)[cost] for cost in COSTS}
        for r in history(store, as_of)
        for c in r.slices
        for key in sorted(c.totals_before.keys() | c.totals.keys())
    ]
    return pandas.DataFrame(rows)


def snapshot(store: Path | str, as_of: date | None = None) -> dict[str, Any]:
    """What a report was made from, for its manifest: plain data, no path of this machine, no clock.

    Returns
    -------
    dict
        ``format``; ``delta_version`` (of the last commit that counts); ``as_of`` (the day of the newest delivery when
        none was asked for); ``deliveries``: id, source, delivered, version, files with hashes; ``files``: path, sha256,
        bytes, rows; ``companions``: name -> id, delivered, version, details.
    """
    state = state_of(need(store), as_of)
    newest = max((r.delivered for r in state.records), default=None)
    day = as_of or newest
    companions = {n: r for n in table_names(store) if (r := table_record(store, n, as_of))}
    return {
        "format": layout.FORMAT,
        "delta_version": max((r.version for r in state.records), default=0),
        "as_of": day.isoformat() if day else None,
        "deliveries": [
            {
                "id": r.id,
                "source": r.source,
                "delivered": r.delivered.isoformat(),
                "version": r.version,
                "files": [
                    {"name": PurePath(f.name).name, "sha256": f.sha256, "rows": f.rows, "focus": f.version}
                    for f in r.files
                ],
            }
            for r in state.deliveries
        ],
        "files": [{"path": f.path, "sha256": f.sha256, "bytes": f.bytes, "rows": f.rows} for f in state.live],
        "companions": {
            n: {"id": r.id, "delivered": r.delivered.isoformat(), "version": r.version, "details": r.details}
            for n, r in companions.items()
        },
    }
