"""What a delivery may do to what is held: replace, add or be refused. Decides only; nothing is read or written here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import helpers
from helpers.data.delivery import Staged, StagedSlice
from helpers.data.history import DeliveryRecord, SliceChange, State, add_totals, named
from helpers.data.layout import own_columns, slice_key, stored_columns
from helpers.terms.errors import BadInput, Refused
from helpers.terms.money import plain


@dataclass(frozen=True)
class Outcome:
    """What an ingest did, or with ``dry_run`` would do.

    Attributes
    ----------
    done : str
        ``committed``, ``already held`` or ``would commit``.
    record : DeliveryRecord
        Its `slices` hold totals before and after.
    cleaned : tuple of str
        What a writer that died had left behind and this one removed.
    """

    done: str
    record: DeliveryRecord
    cleaned: tuple[str, ...] = ()

    @property
    def slices(self) -> tuple[SliceChange, ...]:
        """Each account's month that was (or would be) touched."""
        return self.record.slices

    def plain(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {"done": self.done, "cleaned": list(self.cleaned)} | self.record.plain()


@dataclass(frozen=True)
class Choice:
    replace: tuple[str, ...]
    append: bool
    accept_older: bool


def decide(staged: Staged, state: State, choice: Choice, now: datetime) -> Outcome:
    """Which slices the delivery replaces, appends to or begins; or a refusal. Writes nothing."""
    if not staged.slices:
        raise BadInput("a delivery without charges", "at least one charge", "give the files that hold them")
    keys = {slice_key(staged.source, s.account, s.period): s for s in staged.slices}
    held = [r for r in state.records if r.source == staged.source and r.id == staged.id]
    if held and all(any(r.id == staged.id for r, _ in state.parts.get(k, ())) for k in keys):
        return Outcome("already held", held[-1])
    _refuse_overlap(staged, state)
    if not choice.accept_older:
        _refuse_older(staged, keys, state, held)
    if choice.append:
        _refuse_twice(staged, state)
    _refuse_other_types(staged, state)
    changes, notes = [], list(staged.notes)
    for key, new in keys.items():
        changes.append(_change(staged, key, new, state, choice))
    for period in sorted({*staged.declared, *choice.replace}):
        for key, parts in state.parts.items():
            if parts[0][0].source == staged.source and parts[0][1].period == period and key not in keys:
                notes.append(
                    f"{period}: billing account {parts[0][1].account or '(none)'} is held but not in this delivery; kept"
                )
    removed = tuple(p for c in changes if c.action == "replaced" for p in state.files.get(c.key, {}))
    record = DeliveryRecord(
        kind="delivery",
        id=staged.id,
        source=staged.source,
        delivered=staged.delivered,
        ingested=now,
        kit=helpers.__version__,
        declared=tuple(sorted({*staged.declared, *choice.replace})),
        slices=tuple(changes),
        files=staged.files,
        removed=removed,
        columns=own_columns(staged.columns),
        notes=tuple(notes),
    )
    return Outcome("would commit", record)


def _change(staged: Staged, key: str, new: StagedSlice, state: State, choice: Choice) -> SliceChange:
    parts = state.parts.get(key, [])
    rows = sum(c.rows for _, c in parts)
    before = add_totals(c.totals for _, c in parts)
    declared = new.period in staged.declared or new.period in choice.replace
    if not parts:
        action = "new"
    elif declared or (not choice.append and _covers(new, rows, before)):
        action = "replaced"
    elif choice.append:
        action = "appended"
    else:
        raise Refused(
            f"{new.period}, billing account {new.account or '(none)'}: the delivery holds {_say(new.rows, new.totals)}; "
            f"the store holds {_say(rows, before)} of source {staged.source!r}",
            "at least half of the rows and of the billed total held, so that a correction cannot wipe a month",
            f"--replace {new.period} if the delivery is the whole month, or --append if it comes on top",
            file=staged.files[0].name if staged.files else None,
        )
    totals = add_totals([new.totals])
    counts: Counter[tuple[str, str]] = Counter()
    for pair, rows_of_pair in (new.counts or dict.fromkeys(new.totals, new.rows)).items():
        counts[named(pair)] += rows_of_pair
    return SliceChange(
        key=key,
        account=new.account,
        period=new.period,
        action=action,
        rows=new.rows,
        totals=totals,
        residue=new.residue,
        rows_before=rows,
        totals_before=before,
        counts=dict(counts),
    )


def _covers(new: StagedSlice, rows: int, before: dict) -> bool:
    """At least half of the rows, and of each currency's billed total, that are held."""
    if new.rows * 2 < rows:
        return False
    held, given = _billed(before), _billed(new.totals)
    for currency, amount in held.items():
        twice = given.get(currency, Decimal(0)) * 2
        if (amount > 0 and twice < amount) or (amount < 0 and twice > amount):
            return False
    return True


def _billed(totals: dict) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for (_, currency), costs in totals.items():
        sums[currency] = sums.get(currency, Decimal(0)) + costs["BilledCost"]
    return sums


def _say(rows: int, totals: dict) -> str:
    billed = ", ".join(f"{plain(amount)} {currency}" for currency, amount in sorted(_billed(totals).items()))
    return f"{rows:,} row{'s' * (rows != 1)} billed {billed}"


def _refuse_overlap(staged: Staged, state: State) -> None:
    others: dict[tuple[str, str, str], str] = {}
    for parts in state.parts.values():
        for record, change in parts:
            if record.source != staged.source:
                for provider, _ in change.totals:
                    others[provider, change.account, change.period] = record.source
    for new in staged.slices:
        for provider, _ in map(named, new.totals):
            other = others.get((provider, new.account, new.period))
            if other is not None:
                raise Refused(
                    f"sources {other!r} and {staged.source!r} both hold {provider}, billing account "
                    f"{new.account or '(none)'}, {new.period}",
                    "one source for each provider, billing account and month: two would count the charges twice",
                    f"ingest it --as {other!r} if it is the same export, or keep it in another store",
                    file=staged.files[0].name if staged.files else None,
                )


def _refuse_older(
    staged: Staged, keys: dict[str, StagedSlice], state: State, held: list[DeliveryRecord]
) -> None:
    # A delivery that was held and replaced since comes back with its first date, not with today's.
    dated = min([staged.delivered, *(r.delivered for r in held)])
    for key, new in keys.items():
        for record, _ in state.parts.get(key, ()):
            superseded = bool(held) and record.version > held[-1].version
            if superseded or record.delivered > dated:
                found = (
                    f"{new.period}: the delivery of source {staged.source!r} of {dated}, which the one dated "
                    f"{record.delivered} has replaced"
                    if superseded
                    else f"{new.period}: a delivery of source {staged.source!r} dated {dated}, where one dated "
                    f"{record.delivered} is held"
                )
                raise Refused(
                    found,
                    "the newest state of each month",
                    "leave it, or give --accept-older if the older one is the right one",
                    file=staged.files[0].name if staged.files else None,
                )


def _refuse_twice(staged: Staged, state: State) -> None:
    live = {f.sha256: (r, f) for r in state.deliveries if r.source == staged.source for f in r.files}
    for file in staged.files:
        if file.sha256 in live:
            record, other = live[file.sha256]
            raise Refused(
                f"the same bytes are held already, as {other.name} in the delivery of {record.delivered}",
                "files that are not in the store yet: appended, their charges would count twice",
                "leave this file out of the delivery",
                file=file.name,
            )


def _refuse_other_types(staged: Staged, state: State) -> None:
    known = {n: kind for r in state.records for n, kind in r.columns.items()}
    by_fold = {n.casefold(): n for n in (*stored_columns(), *known)}
    for name, kind in own_columns(staged.columns).items():
        other = by_fold.get(name.casefold(), name)
        if other != name or known.get(name, kind) != kind:
            raise Refused(
                f"column {name} of type {kind}, where the store holds {other} of type "
                f"{known.get(other) or stored_columns()[other]}",
                "the same name and type in every delivery, since other engines ask for both",
                "rename the column in the export",
                column=name,
            )
