"""Margin by customer and tier: a product's cost shared out by what each used, against what each paid."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from helpers.terms.money import CONTEXT, foot, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "customer",
    "tier",
    "currency",
    "value",
    "revenue",
    "cost",
    "contribution",
    "margin",
    "share",
    "kind",
)
WHALE = Decimal("0.10")  # of a product's use, from which one customer moves the whole


def margins(
    customers: pd.DataFrame | None,
    product: str,
    which: Month,
    cost: Decimal,
    currency: str,
    by: str = "customer",
) -> pd.DataFrame:
    """Contribution of each customer (or tier) of a product, the worst first.

    Parameters
    ----------
    customers : DataFrame
        Columns month, product, customer, tier, value, revenue, currency (customers.csv).
    cost : Decimal
        The product's run cost of the month [currency]; shared out by `value`, to the cent by largest remainder.
    currency : str
        Of cost; customers who pay in another are left out and said in ``attrs["left_out"]``.
    by : str
        ``customer`` or ``tier``.

    Returns
    -------
    DataFrame
        share of use [ratio]; kind ``whale`` (a tenth of use or more), ``loses`` (below zero), both, or empty. ``attrs``:
        unexplained use is never shared out, cost adds up to `cost` at two places.
    """
    import pandas as pd

    held = [] if customers is None else customers.to_dict("records")
    mine = [r for r in held if r["month"] == str(which) and r["product"] == product]
    kept = [r for r in mine if not isinstance(r["currency"], str) or r["currency"] == currency]
    names: dict[str, list[dict]] = {}
    for r in kept:
        name = r[by] if isinstance(r[by], str) and r[by] else "no tier"
        names.setdefault(name, []).append(r)
    used = {n: add(r["value"] for r in rs) for n, rs in names.items()}
    whole = add(used.values())
    parts = foot([CONTEXT.multiply(cost, ratio(used[n], whole)) for n in names], 2) if whole > 0 else []
    lines = []
    for name, part in zip(names, parts, strict=bool(parts)):
        earned = add(r["revenue"] for r in names[name] if isinstance(r["revenue"], Decimal))
        left = CONTEXT.subtract(earned, part)
        share = ratio(used[name], whole)
        kinds = [k for k, is_so in (("whale", share >= WHALE), ("loses", left < 0)) if is_so]
        tiers = {r["tier"] for r in names[name] if isinstance(r["tier"], str)}
        lines.append(
            {
                "customer": name,
                "tier": tiers.pop() if len(tiers) == 1 else "",
                "currency": currency,
                "value": used[name],
                "revenue": earned,
                "cost": part,
                "contribution": left,
                "margin": ratio(left, earned),
                "share": share,
                "kind": " ".join(kinds),
            }
        )
    lines.sort(key=lambda r: (r["contribution"], r["customer"]))
    frame = pd.DataFrame(lines, columns=list(COLUMNS), dtype=object)
    frame.attrs |= {
        "product": product,
        "month": str(which),
        "currency": currency,
        "left_out": len(mine) - len(kept),
    }
    return frame
