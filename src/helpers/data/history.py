"""What happened to a store: one record in each commit, and the state that replaying them gives.

Deliveries of different sources interleave, so the state as of a day is not a Delta version: it is the replay, in
commit order, of the deliveries dated up to that day. Without a limit the replay is the Delta table's own file list.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from helpers.data.delivery import SourceFile, Totals
from helpers.terms.errors import Damaged
from helpers.terms.focus import COSTS
from helpers.terms.money import CONTEXT, plain

KEY = "finops"  # our entry in a commit's metadata
SliceTotals = dict[tuple[str, str], Totals]


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of the store: path inside the table, what it holds and its hash."""

    path: str
    sha256: str
    bytes: int
    rows: int
    slice: str


@dataclass(frozen=True)
class SliceChange:
    """What a delivery did to one billing account's month.

    Attributes
    ----------
    key, account, period : str
    action : str
        ``new``, ``replaced`` or ``appended``.
    rows, totals, counts, residue
        Of the delivery; totals and counts of rows by (provider, currency).
    rows_before, totals_before
        What the store held of this slice.
    """

    key: str
    account: str
    period: str
    action: str
    rows: int
    totals: SliceTotals
    residue: dict[str, tuple[int, Decimal]] = field(default_factory=dict)
    rows_before: int = 0
    totals_before: SliceTotals = field(default_factory=dict)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def rows_after(self) -> int:
        """Rows of the slice once the delivery was in."""
        return self.rows + (self.rows_before if self.action == "appended" else 0)

    @property
    def totals_after(self) -> SliceTotals:
        """Totals of the slice once the delivery was in."""
        return add_totals([self.totals_before, self.totals]) if self.action == "appended" else self.totals


@dataclass(frozen=True)
class DeliveryRecord:
    """One commit of the store: a delivery, or upkeep (``compaction``, ``vacuum``) with the same fields mostly empty.

    Attributes
    ----------
    kind : str
        ``delivery``, ``compaction`` or ``vacuum``.
    id, source : str
    delivered : date
        Day the delivery is dated; for a vacuum the day from which history is kept.
    ingested : datetime
    kit : str
        Version of the kit that wrote it.
    declared : tuple of str
    slices : tuple of SliceChange
    files : tuple of SourceFile
    added : tuple of DataFile
    removed : tuple of str
        Paths that left the table in this commit.
    joined : dict
        For a compaction: slice -> the paths it joined into one.
    columns : dict
        Provider ``x_`` columns it brought -> DuckDB type.
    notes : tuple of str
    details : dict
        What the writer of a companion table keeps with it.
    version : int
        Delta version of the commit.
    """

    kind: str
    id: str
    source: str
    delivered: date
    ingested: datetime
    kit: str
    declared: tuple[str, ...] = ()
    slices: tuple[SliceChange, ...] = ()
    files: tuple[SourceFile, ...] = ()
    added: tuple[DataFile, ...] = ()
    removed: tuple[str, ...] = ()
    joined: dict[str, list[str]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    version: int = -1

    def plain(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {"version": self.version} | _encode(self)


@dataclass
class State:
    """What is live: files and delivered parts of each slice, in commit order; and since when history is kept."""

    files: dict[str, dict[str, DataFile]] = field(default_factory=dict)
    parts: dict[str, list[tuple[DeliveryRecord, SliceChange]]] = field(default_factory=dict)
    records: list[DeliveryRecord] = field(default_factory=list)
    kept_since: date | None = None

    @property
    def live(self) -> list[DataFile]:
        """Every live file, slices in the order they came."""
        return [f for files in self.files.values() for f in files.values()]

    @property
    def deliveries(self) -> list[DeliveryRecord]:
        """Deliveries of which something is live, in commit order."""
        found = {r.version: r for parts in self.parts.values() for r, _ in parts}
        return [found[v] for v in sorted(found)]

    @property
    def columns(self) -> dict[str, str]:
        """Provider columns of the live deliveries, in the order they came."""
        return {name: kind for r in self.deliveries for name, kind in r.columns.items()}


def replay(records: Iterable[DeliveryRecord], as_of: date | None = None) -> State:
    """The state after the deliveries dated up to `as_of` (all when None), in commit order.

    A delivery removes the files of the slices it replaces and adds its own. A compaction is applied to a slice only
    where all the files it joined are present: seen from before one of them arrived, the originals are still there.
    """
    state = State()
    for record in records:
        if record.kind == "delivery" and (as_of is None or record.delivered <= as_of):
            state.records.append(record)
            for change in record.slices:
                if change.action != "appended":
                    state.files[change.key], state.parts[change.key] = {}, []
                state.parts.setdefault(change.key, []).append((record, change))
            for file in record.added:
                state.files.setdefault(file.slice, {})[file.path] = file
        elif record.kind == "compaction":
            _compact(state, record)
        elif record.kind == "vacuum":
            state.kept_since = max(record.delivered, state.kept_since or record.delivered)
    return state


def _compact(state: State, record: DeliveryRecord) -> None:
    for key, paths in record.joined.items():
        held = state.files.get(key, {})
        if set(paths) <= set(held):
            kept = {p: f for p, f in held.items() if p not in paths}
            state.files[key] = {f.path: f for f in record.added if f.slice == key} | kept


def named(key: tuple[str | None, str | None]) -> tuple[str, str]:
    """Provider and currency with nulls as empty texts, as records keep them."""
    return key[0] or "", key[1] or ""


def add_totals(several: Iterable[SliceTotals]) -> SliceTotals:
    """Sum totals by (provider, currency), exactly; currencies are never added."""
    result: SliceTotals = {}
    for totals in several:
        for key, costs in totals.items():
            held = result.setdefault(named(key), {c: Decimal(0) for c in COSTS})
            for cost in COSTS:
                held[cost] = CONTEXT.add(held[cost], costs[cost])
    return result


def to_metadata(record: DeliveryRecord) -> dict[str, str]:
    """The record as commit metadata, with a hash of its own so that a changed byte is seen."""
    text = json.dumps(_encode(record), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return {KEY: text, f"{KEY}Sha256": hashlib.sha256(text.encode()).hexdigest()}


def is_data_path(path: str) -> bool:
    """Whether a path from a log or journal is one of our files: nothing else is ever read or removed by its word."""
    return (
        re.fullmatch(r"((charges|companions/\w+)/)?data/[\w-]+(/[\w-]+)?\.parquet", path, re.ASCII)
        is not None
    )


def from_metadata(entry: dict[str, Any], table: Path) -> DeliveryRecord | None:
    """The record in one commit of a Delta history, or None where the commit is not one of ours."""
    text = entry.get(KEY)
    if text is None:
        return None
    whole = hashlib.sha256(text.encode()).hexdigest() == entry.get(f"{KEY}Sha256")
    record = _decode(json.loads(text), entry["version"]) if whole else None
    if record is None or not all(is_data_path(f.path) for f in record.added):
        raise Damaged(
            f"the record of version {entry['version']} is not what was written",
            "commit logs as the kit wrote them",
            "restore the store's folder from a copy, or ingest its sources again into a new store",
            file=str(table / "_delta_log" / f"{entry['version']:020d}.json"),
        )
    return record


def _encode_totals(totals: SliceTotals) -> list[dict[str, str]]:
    return [
        {"provider": p, "currency": c} | {cost: plain(sums[cost]) for cost in COSTS}
        for (p, c), sums in sorted(totals.items())
    ]


def _decode_totals(rows: list[dict[str, str]]) -> SliceTotals:
    return {(r["provider"], r["currency"]): {c: Decimal(r[c]) for c in COSTS} for r in rows}


def _encode(r: DeliveryRecord) -> dict[str, Any]:
    slices = [
        s.__dict__
        | {"totals": _encode_totals(s.totals), "totals_before": _encode_totals(s.totals_before)}
        | {"residue": {c: [n, plain(d)] for c, (n, d) in s.residue.items()}}
        | {"counts": [[p, c, n] for (p, c), n in sorted(s.counts.items())]}
        for s in r.slices
    ]
    plain_fields = {k: v for k, v in r.__dict__.items() if k != "version"}
    return plain_fields | {
        "delivered": r.delivered.isoformat(),
        "ingested": r.ingested.isoformat(),
        "slices": slices,
        "files": [f.__dict__ for f in r.files],
        "added": [f.__dict__ for f in r.added],
    }


def _decode(raw: dict[str, Any], version: int) -> DeliveryRecord:
    slices = tuple(
        SliceChange(
            **s
            | {"totals": _decode_totals(s["totals"]), "totals_before": _decode_totals(s["totals_before"])}
            | {"residue": {c: (n, Decimal(d)) for c, (n, d) in s["residue"].items()}}
            | {"counts": {(p, c): n for p, c, n in s["counts"]}}
        )
        for s in raw["slices"]
    )
    return DeliveryRecord(
        **raw
        | {
            "delivered": date.fromisoformat(raw["delivered"]),
            "ingested": datetime.fromisoformat(raw["ingested"]),
            "slices": slices,
            "files": tuple(SourceFile(**f) for f in raw["files"]),
            "added": tuple(DataFile(**f) for f in raw["added"]),
            "declared": tuple(raw["declared"]),
            "removed": tuple(raw["removed"]),
            "notes": tuple(raw["notes"]),
            "version": version,
        }
    )
