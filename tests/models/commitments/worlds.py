"""Small made-up regions, and plain code that works costs out again."""

from __future__ import annotations

from datetime import date

import numpy as np

from helpers.models.commitments.history import History


def region(use, types=("A",), name="1", start="2021-02-01T00", known=None) -> History:
    """Hours by types as a history."""
    use = np.asarray(use, dtype=float)
    known = np.ones(len(use), dtype=bool) if known is None else known
    return History(name, np.datetime64(start, "h"), tuple(types), use, known)


def hours(first: str, until: str) -> int:
    return int((np.datetime64(until, "h") - np.datetime64(first, "h")).astype(int))


def migrating(when: str, *, level=100.0, name="1", until="2023-08-01", seed=1) -> History:
    """A region whose type A becomes B within a week of `when`; a little noise, and a day's rhythm."""
    many = hours("2021-02-01", until)
    rng = np.random.default_rng(seed)
    clock = np.arange(many) % 24
    whole = level * (1 + 0.1 * np.sin(clock / 24 * 2 * np.pi)) * (1 + 0.02 * rng.standard_normal(many))
    moved = np.clip((np.arange(many) - hours("2021-02-01", when)) / 168, 0, 1)
    return region(np.column_stack([whole * (1 - moved), whole * moved]), ("A", "B"), name)


def plain_cost(records, rows, type_rate, flexible_rate, term, first: date):
    """Paid and on-demand cost by nested loops over (hour, type, use) rows: nothing of the kit is used."""
    buys = []
    for r in records:
        year, month = int(r["month"][:4]), int(r["month"][5:7])
        begin = year * 12 + month
        buys.append((begin, begin + term, r["type"] if r["instrument"] == "type" else None, r["quantity"]))
    by_hour: dict = {}
    for hour, kind, use in rows:
        if hour.date() >= first:
            by_hour.setdefault(hour, {})[kind] = use
    paid = demand = 0.0
    standing: dict = {}
    for hour, uses in by_hour.items():
        at = hour.year * 12 + hour.month
        if at not in standing:
            types: dict = {}
            pool = 0.0
            for begin, end, kind, quantity in buys:
                if begin <= at < end:
                    if kind is None:
                        pool += quantity
                    else:
                        types[kind] = types.get(kind, 0.0) + quantity
            standing[at] = types, pool
        types, pool = standing[at]
        left = sum(max(use - types.get(kind, 0.0), 0.0) for kind, use in uses.items())
        paid += type_rate * sum(types.values()) + flexible_rate * pool + max(left - pool, 0.0)
        demand += sum(uses.values())
    return paid, demand
