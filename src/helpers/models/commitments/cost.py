"""What a list of purchases costs, hour by hour: the one place where the cost model stands.

On demand a unit costs 1 for an hour. A commitment to a type costs its rate for each unit and hour, used or not; a flexible
one costs its own rate and covers what commitments to types leave over. A purchase begins with a month and lasts whole
months. Hours about which nothing is known count on neither side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from helpers.models.commitments.history import History

Array = Any
TYPE, PORTFOLIO = "type", "portfolio"


@dataclass(frozen=True)
class Purchase:
    """One commitment.

    Attributes
    ----------
    month : int
        Months after the first whole month of the history; it begins with that month.
    type : int or None
        Place of the type; None for the flexible commitment to the region.
    quantity : float [units]
    """

    month: int
    type: int | None
    quantity: float


@dataclass(frozen=True)
class Terms:
    """The two instruments on offer; a rate of None takes one out.

    Attributes
    ----------
    type_rate, portfolio_rate : float or None
        Price of a unit-hour as a share of on demand.
    term : int
        Months.
    """

    type_rate: float | None = 0.6
    portfolio_rate: float | None = 0.7
    term: int = 12


def left_over(use: Array, by_type: Array, pooled: Any, away: Any = 0.0) -> Array:
    """What commitments leave to be paid on demand in each hour [units]: first types cover, then the pool.

    `use` and `by_type` are hours by types (or types alone), `pooled` and `away` (demand of the pool that is no type's) by hour.
    """
    return np.clip(np.clip(use - by_type, 0, None).sum(1) + away - pooled, 0, None)


def held(purchases: Sequence[Purchase], types: int, months: int, term: int) -> tuple[Array, Array]:
    """Units that stand in each month: (months by types, months)."""
    by_type, pooled = np.zeros((months, types)), np.zeros(months)
    for one in purchases:
        while_it_lasts = slice(max(one.month, 0), max(one.month + term, 0))
        if one.type is None:
            pooled[while_it_lasts] += one.quantity
        else:
            by_type[while_it_lasts, one.type] += one.quantity
    return by_type, pooled


@dataclass(frozen=True)
class Bill:
    """Cost of each evaluated hour [on-demand money], and what stands behind it.

    Attributes
    ----------
    month : array of int
    paid, on_demand, committed, used : arrays
        Paid in all; what the same use costs on demand; paid for commitments; units of commitments that were used.
    standing : array
        Units of commitments, used or not.
    """

    month: Array
    paid: Array
    on_demand: Array
    committed: Array
    used: Array
    standing: Array

    @property
    def savings(self) -> float:
        """1 − paid ÷ on demand; NaN without demand."""
        return 1 - self.paid.sum() / self.on_demand.sum() if self.on_demand.sum() else float("nan")

    @property
    def coverage(self) -> float:
        """Share of use that commitments covered."""
        return self.used.sum() / self.on_demand.sum() if self.on_demand.sum() else float("nan")

    @property
    def utilisation(self) -> float:
        """Share of the committed units that were used; NaN without commitments."""
        return self.used.sum() / self.standing.sum() if self.standing.sum() else float("nan")


def bill(
    history: History, purchases: Sequence[Purchase], terms: Terms, first: int, last: int | None = None
) -> Bill:
    """Every known hour from month `first` to before month `last`."""
    month = history.month
    counts = history.known & (month >= first) & (month < (history.months if last is None else last))
    use, month = history.use[counts], month[counts]
    by_type, pooled = held(purchases, len(history.types), history.months, terms.term)
    on_demand = use.sum(1)
    short = left_over(use, by_type[month], pooled[month])
    committed = by_type.sum(1) * (terms.type_rate or 0) + pooled * (terms.portfolio_rate or 0)
    return Bill(
        month,
        committed[month] + short,
        on_demand,
        committed[month],
        on_demand - short,
        (by_type.sum(1) + pooled)[month],
    )
