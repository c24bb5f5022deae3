"""The purchases that somebody who knew the future would have made: the measure of regret."""

from __future__ import annotations

import numpy as np

from helpers.models.commitments.cost import Purchase, Terms
from helpers.models.commitments.cover import Offers, Rows, cheapest
from helpers.models.commitments.history import History

GOOD_ENOUGH = 1e-4  # gap to the bound, as a share of the demand: 0.01 points of the savings rate


def optimum(
    history: History, terms: Terms, first: int, *, tolerance: float = GOOD_ENOUGH
) -> tuple[list[Purchase], float]:
    """The best purchases at months' starts from month `first` on, and the savings rate that nothing can exceed.

    Only cost inside the history counts, as it does for every rule that is measured here.
    """
    month = history.month
    counts = history.known & (month >= first)
    use, slot = history.use[counts], month[counts] - first
    months = history.months - first
    hours = np.bincount(slot, minlength=months)
    begins, when = np.arange(months)[:, None], np.arange(months)[None, :]
    lasts = (when >= begins) & (when < begins + terms.term)
    kinds = list(range(len(history.types))) if terms.type_rate is not None else []
    kinds += [-1] if terms.portfolio_rate is not None else []
    kind = np.repeat(np.array(kinds, dtype=int), months)
    covers = np.tile(lasts, (len(kinds), 1))
    rate = np.where(kind < 0, terms.portfolio_rate or 0.0, terms.type_rate or 0.0)
    none = np.zeros((months, len(history.types))), np.zeros(months)
    offers = Offers(kind, covers @ hours * rate, covers)
    found = cheapest(Rows.plain(use, slot), offers, none, tolerance=tolerance)
    bought = [
        Purchase(first + int(at) % months, None if kind[at] < 0 else int(kind[at]), float(found.bought[at]))
        for at in np.flatnonzero(found.bought > 1e-6)
    ]
    return bought, 1 - found.bound / use.sum()
