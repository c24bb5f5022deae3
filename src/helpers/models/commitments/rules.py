"""Simple rules for buying commitments, which the plan is measured against.

References
----------
The newsvendor: a unit pays if it is used in more than its rate's share of hours, so buy the (1 − rate) quantile of
demand (F. Y. Edgeworth, 1888; K. Arrow, T. Harris, J. Marschak, 1951). M. Stokely et al., Shaved Ice, ICPE 2025,
doi 10.1145/3676151.3719353, apply it to cloud commitments (read 2026-11-26).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.models.commitments.cost import Purchase, Terms
from helpers.models.commitments.history import HOURS_A_DAY, History

Array = Any
Targets = Callable[[Array, Array, int], tuple[Array, float]]


def newsvendor(history: History, terms: Terms, first: int, *, days: int = 30) -> list[Purchase]:
    """Each month up to the quantile of the last `days` days, types first, the region with what they leave over."""
    return ladder(history, terms, first, share=1.0, days=days)


def ladder(
    history: History, terms: Terms, first: int, *, share: float = 0.5, days: int = 30
) -> list[Purchase]:
    """A fixed mix: types up to `share` of their quantile, the flexible instrument up to the quantile of the rest."""
    return _topped_up(history, terms, first, _mix(terms, lambda hour: share), days)


def young(history: History, terms: Terms, first: int, *, months: float, days: int = 30) -> list[Purchase]:
    """Types only while they are younger than `months`, counted from their first hour in the data; flexible for the rest."""
    born = np.where((history.use > 0).any(0), (history.use > 0).argmax(0), len(history.use))
    return _topped_up(history, terms, first, _mix(terms, lambda hour: (hour - born) / 730.5 < months), days)


def least(history: History, terms: Terms, first: int, *, days: int = 30) -> list[Purchase]:
    """Always cover the lowest hour of the last `days` days, with the flexible instrument where there is one."""

    def targets(window: Array, by_type: Array, hour: int) -> tuple[Array, float]:
        if terms.portfolio_rate is None:
            return np.maximum(window.min(0), by_type), 0.0
        return np.zeros(window.shape[1]), float(window.sum(1).min())

    return _topped_up(history, terms, first, targets, days)


def _mix(terms: Terms, share: Callable[[int], Any]) -> Targets:
    """Types up to a share of their quantile, by the month's first hour, and flexible for the quantile of the rest."""

    def targets(window: Array, by_type: Array, hour: int) -> tuple[Array, float]:
        wanted = by_type
        if terms.type_rate is not None:
            wanted = np.maximum(share(hour) * np.quantile(window, 1 - terms.type_rate, axis=0), by_type)
        if terms.portfolio_rate is None:
            return wanted, 0.0
        return wanted, float(np.quantile(np.clip(window - wanted, 0, None).sum(1), 1 - terms.portfolio_rate))

    return targets


def _topped_up(history: History, terms: Terms, first: int, targets: Targets, days: int) -> list[Purchase]:
    """Each month buy what the targets lack; nothing that comes after the month's start is looked at.

    `targets` takes the known hours of the last `days` days, the units of types that stand, and the month's first hour.
    """
    month = history.month
    bought: list[Purchase] = []
    by_type = np.zeros((history.months + terms.term, len(history.types)))
    pooled = np.zeros(history.months + terms.term)
    for now in range(first, history.months):
        hour = int(np.argmax(month == now))
        past = history.use[:hour][history.known[:hour]][-days * HOURS_A_DAY :]
        if not len(past):
            continue
        wanted, whole = targets(past, by_type[now], hour)
        for i in np.flatnonzero(wanted > by_type[now] + 1e-9):
            bought.append(Purchase(now, int(i), float(wanted[i] - by_type[now, i])))
        by_type[now : now + terms.term] += np.clip(wanted - by_type[now], 0, None)
        if whole > pooled[now] + 1e-9:
            bought.append(Purchase(now, None, float(whole - pooled[now])))
            pooled[now : now + terms.term] += whole - pooled[now]
    return bought
