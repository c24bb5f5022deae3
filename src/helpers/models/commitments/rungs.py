"""A plan's first purchases in parts, so that their ends are spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from helpers.terms.period import Month

RUNGS = (Decimal("0.5"), Decimal("0.25"), Decimal("0.25"))  # parts of a first purchase, month by month
SMALL, PLACES, CENT = Decimal(1), Decimal("0.000001"), Decimal("0.01")  # SMALL: what stays whole [currency/h]
PARTS = ("quantity", "committed")


def rungs(purchases: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The first month's purchases, half at once and the rest over two months; with ``rung``, 1 for what is bought at once.

    What costs less than `SMALL` an hour stays whole. The parts add up exactly.

    Parameters
    ----------
    purchases : sequence of mapping
        Rows of `helpers.models.commitments.plan.Plan.purchases`.
    """
    first = min((b["month"] for b in purchases), default=None)
    found = []
    for b in purchases:
        if b["month"] != first or b["committed"] < SMALL:
            found.append({**b, "rung": 1})
            continue
        left = {c: b[c] for c in PARTS}
        for n, share in enumerate(RUNGS, 1):
            month = Month.of(b["month"]).plus(n - 1)
            parts = left if n == len(RUNGS) else {c: (b[c] * share).quantize(PLACES) for c in PARTS}
            left = {c: left[c] - parts[c] for c in PARTS}
            found.append(
                {
                    **b, **parts, "month": month.start.date(), "expires": month.plus(b["term"]).start.date(),
                    "upfront": (b["upfront"] * share).quantize(CENT), "rung": n,
                }
            )  # fmt: skip
    return found
