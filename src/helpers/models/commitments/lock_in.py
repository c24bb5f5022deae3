"""How long and how surely money is bound by commitments: lock-in in months, and what a fall of demand would cost.

Two definitions, ours, because no public formula was found (docs/commitments.md): months left weighted by committed cost, per
committed money; and the same per on-demand cost of the use, which falls with coverage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from helpers.models.commitments.cost import Purchase, Terms
from helpers.models.commitments.history import HOURS_A_DAY, History

Array = Any
FALL = 1 / 3
DAYS = 28


@dataclass(frozen=True)
class Standing:
    """One commitment as it stands: the type it covers (None: flexible), units, cost of a unit-hour, months left."""

    type: int | None
    units: float
    rate: float
    left: float

    @property
    def cost(self) -> float:
        """For each hour."""
        return self.units * self.rate


def months(standing: Sequence[Standing], use: float) -> tuple[float, float]:
    """Lock-in per committed money and per on-demand money of use [months]; NaN without either.

    Examples
    --------
    >>> months([Standing(None, 10.0, 0.7, 12.0), Standing(0, 10.0, 0.7, 6.0)], 28.0)
    (9.0, 4.5)
    """
    cost = sum(s.cost for s in standing)
    weighted = sum(s.cost * s.left for s in standing)
    nan = float("nan")
    return (weighted / cost if cost else nan), (weighted / use if use else nan)


def unused(standing: Sequence[Standing], window: Array, *, fall: float = FALL) -> float:
    """Cost of commitments that nobody would use until they end, if demand falls tomorrow and nothing more is bought.

    In months of today's on-demand cost. `window` (hours by types) is the demand of the last weeks.
    """
    today = float(window.sum(1).mean()) if len(window) else 0.0
    if not today or not standing:
        return 0.0
    left, lost, ends = window * (1 - fall), 0.0, sorted({s.left for s in standing})
    for begin, end in zip([0.0, *ends[:-1]], ends, strict=True):
        still = [s for s in standing if s.left > begin]
        lost += (end - begin) * _idle(still, left)
    return lost / today


def _idle(standing: Sequence[Standing], use: Array) -> float:
    """Cost for an hour of the commitments that the use does not need, each kind at its mean rate."""
    by_type, paid = np.zeros(use.shape[1]), np.zeros(use.shape[1])
    pooled = pool_paid = 0.0
    for one in standing:
        if one.type is None:
            pooled, pool_paid = pooled + one.units, pool_paid + one.cost
        else:
            by_type[one.type] += one.units
            paid[one.type] += one.cost
    idle = np.clip(by_type - use, 0, None).mean(0)
    rate = np.divide(paid, by_type, out=np.zeros_like(paid), where=by_type > 0)
    left = np.clip(use - by_type, 0, None).sum(1)
    pool_rate = pool_paid / pooled if pooled else 0.0
    return float(idle @ rate) + pool_rate * float(np.clip(pooled - left, 0, None).mean())


def standing(purchases: Sequence[Purchase], month: int, terms: Terms) -> list[Standing]:
    """What stands when a month has begun."""
    return [
        Standing(p.type, p.quantity, rate, float(p.month + terms.term - month))
        for p in purchases
        if p.month <= month < p.month + terms.term
        and (rate := (terms.portfolio_rate if p.type is None else terms.type_rate) or 0.0) > 0
    ]


def units(standing: Sequence[Standing], types: int) -> tuple[Array, float]:
    """Units that stand of each type and for the pool; what covers a type that is not used (-1) covers nothing."""
    by_type, pooled = np.zeros(types), 0.0
    for one in standing:
        if one.type is None:
            pooled += one.units
        elif one.type >= 0:
            by_type[one.type] += one.units
    return by_type, pooled


@dataclass(frozen=True)
class Exposure:
    """Means over the evaluated months, and the worst month."""

    committed: float
    usage: float
    lost: float
    worst: float


def exposure(history: History, purchases: Sequence[Purchase], terms: Terms, first: int) -> Exposure:
    """Lock-in and loss at every evaluated month's start, just after its purchases."""
    month, found, nan = history.month, [], float("nan")
    for now in range(first, history.months):
        hour = int(np.argmax(month == now))
        window = history.use[max(hour - DAYS * HOURS_A_DAY, 0) : hour]
        stands = standing(purchases, now, terms)
        lock = months(stands, float(window.sum(1).mean()) if len(window) else 0.0)
        found.append((*lock, unused(stands, window)))
    if not found:
        return Exposure(nan, nan, nan, nan)
    table = np.array(found)
    committed, usage, lost = (float(np.nanmean(c)) if np.isfinite(c).any() else nan for c in table.T)
    return Exposure(committed, usage, lost, float(table[:, 2].max()))
