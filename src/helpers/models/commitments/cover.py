"""The cheapest cover of given demand by commitments, as a linear program that stays small.

Each hour's demand by type is covered first by commitments to its type, then by commitments to the pool; what is left is
paid on demand. Hours that lie on the same side of every commitment may be averaged without changing the cost, so the
program begins with few groups of hours, is solved with HiGHS, and the groups that the answer cuts are split, until the
cost over all hours equals the program's (Song and Luedtke's partition for two-stage programs).

References
----------
Y. Song and J. Luedtke, An adaptive partition-based approach for solving two-stage stochastic programs with fixed
recourse, SIAM Journal on Optimization 25(3), 2015. HiGHS: https://highs.dev, MIT (read 2026-11-26).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from helpers.models.commitments.cost import left_over

Array = Any
EDGE = 1e-9  # demand that much above a commitment counts as equal


@dataclass(frozen=True)
class Offers:
    """What can be bought: one column for each instrument, type and time.

    Attributes
    ----------
    kind : array of int
        Place of the type that a column covers; -1 for the pool.
    price : array [on-demand money for the whole column and one unit]
    covers : array of bool, columns by slots
        In which slots of time a unit counts.
    """

    kind: Array
    price: Array
    covers: Array


@dataclass(frozen=True)
class Rows:
    """Hours that count, weighted.

    Attributes
    ----------
    use : array, rows by types [units]
    slot : array of int
    weight : array [hours]
    moved : array [units]
        Demand of the pool that is no type's, beside `use`.
    """

    use: Array
    slot: Array
    weight: Array
    moved: Array

    @classmethod
    def plain(cls, use: Array, slot: Array) -> Rows:
        """Hours that count once each, nothing moved."""
        return cls(use, slot, np.ones(len(use)), np.zeros(len(use)))

    @classmethod
    def joined(cls, parts: list[Rows]) -> Rows:
        """Several sets of rows as one."""
        names = ("use", "slot", "weight", "moved")
        return cls(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


@dataclass(frozen=True)
class Limit:
    """One linear limit: least <= by · x <= most."""

    by: Array
    least: float = -np.inf
    most: float = np.inf


@dataclass(frozen=True)
class Answer:
    """Units bought of each column, their cost over all rows with the shortage's, and the bound below it."""

    bought: Array
    cost: float
    bound: float
    feasible: bool = True


def shortage(rows: Rows, by_type: Array, pooled: Array) -> Array:
    """What commitments leave over in each row, to be paid on demand [units].

    `by_type` (slots by types) and `pooled` (slots) are the units held.
    """
    return left_over(rows.use, by_type[rows.slot], pooled[rows.slot], rows.moved)


def cheapest(
    rows: Rows,
    offers: Offers,
    held: tuple[Array, Array],
    *,
    limits: tuple[Limit, ...] = (),
    tolerance: float = 1e-5,
    rounds: int = 12,
) -> Answer:
    """The purchases with the lowest cost.

    Parameters
    ----------
    rows : Rows
    offers : Offers
    held : tuple of arrays
        Units held before, by slots and types, and by slots for the pool.
    limits : tuple of Limit
        On the units bought.
    tolerance : float
        Gap between cost and bound that is good enough, as a share of the demand.
    rounds : int
        Most solutions.
    """
    size = float((rows.weight * (rows.use.sum(1) + rows.moved)).sum()) or 1.0
    group = _begin(rows, held)
    best = Answer(np.zeros(len(offers.kind)), np.inf, -np.inf)
    bound = -np.inf
    for _ in range(rounds):
        found = _solve(_grouped(rows, group), offers, held, limits)
        if found is None:
            return Answer(np.zeros(len(offers.kind)), np.nan, np.nan, feasible=False)
        bought, worth = found
        bound = max(bound, worth)
        by_type, pooled = standing(bought, offers, held)
        cost = float(offers.price @ bought + rows.weight @ shortage(rows, by_type, pooled))
        if cost < best.cost:
            best = Answer(bought, cost, bound)
        if best.cost - bound <= tolerance * size:
            break
        group = _split(rows, group, by_type, pooled)
    return Answer(best.bought, best.cost, bound)


def standing(bought: Array, offers: Offers, held: tuple[Array, Array]) -> tuple[Array, Array]:
    """Units by slots and types, and by slots for the pool, once `bought` is added to `held`."""
    by_type, pooled = held[0].copy(), held[1].copy()
    for at in np.flatnonzero(bought > 0):
        where = offers.covers[at]
        if offers.kind[at] < 0:
            pooled[where] += bought[at]
        else:
            by_type[where, offers.kind[at]] += bought[at]
    return by_type, pooled


def _begin(rows: Rows, held: tuple[Array, Array]) -> Array:
    """First groups: a slot's hours by where the whole stands and by what is held."""
    total = rows.use.sum(1) + rows.moved
    cut = np.zeros(len(total), dtype=int)
    for slot in np.unique(rows.slot):
        mine = rows.slot == slot
        cut[mine] = np.searchsorted(np.quantile(total[mine], (0.15, 0.3, 0.45, 0.7)), total[mine])
    return _split(rows, _groups([rows.slot, cut]), *held)


def _split(rows: Rows, group: Array, by_type: Array, pooled: Array) -> Array:
    """The groups, cut where hours lie on different sides of what stands."""
    short = np.clip(rows.use - by_type[rows.slot], 0, None)
    left = short.sum(1) + rows.moved - pooled[rows.slot]
    return _groups([group, *(short > EDGE).T, left > EDGE])


def _groups(marks: list[Array]) -> Array:
    """A number for each combination of marks: rows with the same marks share it."""
    code = np.zeros(len(marks[0]), dtype=np.int64)
    for mark in marks:
        code = code * (int(mark.max(initial=0)) + 1) + mark
        if code.max(initial=0) > 1 << 40:  # room for the next mark
            _, code = np.unique(code, return_inverse=True)
    _, group = np.unique(code, return_inverse=True)
    return group


def _grouped(rows: Rows, group: Array) -> Rows:
    """Each group's weighted mean."""
    count = int(group.max()) + 1
    weight = np.bincount(group, rows.weight, count)
    safe = np.where(weight > 0, weight, 1.0)
    use = np.empty((count, rows.use.shape[1]))
    for i in range(rows.use.shape[1]):
        use[:, i] = np.bincount(group, rows.weight * rows.use[:, i], count) / safe
    slot = np.zeros(count, dtype=int)
    slot[group] = rows.slot
    moved = np.bincount(group, rows.weight * rows.moved, count) / safe
    return Rows(use, slot, weight, moved)


def _solve(
    rows: Rows, offers: Offers, held: tuple[Array, Array], limits: tuple[Limit, ...]
) -> tuple[Array, float] | None:
    """The program over groups. Columns: units bought | units standing by slot and type | what each type leaves over |
    shortage."""
    from scipy import sparse

    slots, types = held[0].shape
    bought, groups = len(offers.kind), len(rows.slot)
    at, which = np.nonzero(rows.use > EDGE)
    over = len(at)
    stand = bought + np.arange(slots * (types + 1)).reshape(slots, types + 1)  # the pool is the last type
    left = bought + stand.size + np.arange(over)
    short = bought + stand.size + over + np.arange(groups)
    width = short[-1] + 1

    cost = np.zeros(width)
    cost[:bought] = offers.price
    cost[short] = rows.weight

    kind = np.where(offers.kind < 0, types, offers.kind)
    column, slot = np.nonzero(offers.covers)
    balance = slots * (types + 1)
    entries = [
        # standing − bought = held
        (np.arange(balance), stand.ravel(), 1.0),
        (slot * (types + 1) + kind[column], column, -1.0),
        # over + standing >= use
        (balance + np.arange(over), left, 1.0),
        (balance + np.arange(over), stand[rows.slot[at], which], 1.0),
        # shortage + pool − Σ over >= moved
        (balance + over + np.arange(groups), short, 1.0),
        (balance + over + np.arange(groups), stand[rows.slot, types], 1.0),
        (balance + over + at, left, -1.0),
    ]
    height = balance + over + groups
    least = np.concatenate([np.column_stack(held).ravel(), rows.use[at, which], rows.moved])
    most = np.concatenate([least[:balance], np.full(height - balance, np.inf)])
    for number, limit in enumerate(limits):
        entries.append((np.full(bought, height + number), np.arange(bought), limit.by))
        least, most = np.append(least, limit.least), np.append(most, limit.most)
    row, col, value = (
        np.concatenate([np.broadcast_to(e[k], np.shape(e[0])) for e in entries]) for k in range(3)
    )
    matrix = sparse.csc_matrix((value, (row, col)), shape=(height + len(limits), width))
    return _run(cost, matrix, least, most, bought)


def _run(cost: Array, matrix: Any, least: Array, most: Array, bought: int) -> tuple[Array, float] | None:
    """HiGHS by way of scipy: highspy's own class writes a banner to the screen, where `--json -` writes its record."""
    from scipy.optimize import LinearConstraint, milp

    found = milp(cost, constraints=LinearConstraint(matrix, least, most))
    if found.x is None:
        return None
    return np.clip(found.x[:bought], 0, None), float(found.fun)
