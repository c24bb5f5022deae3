"""What changed since last month, to the cent: the bridge's causes, and what exchange rates and later deliveries did.

Charges in other currencies move at last month's rate; what the rate itself moved is a cause of its own. Last month stands
as it was when it was closed; what deliveries changed in it afterwards is a cause too. Formulas: docs/forecast.md.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from helpers.measures import budgets
from helpers.measures.change import CAUSES as BRIDGE
from helpers.measures.change import PLACE, bridge, days_covered
from helpers.measures.measure import CURRENCY, Table
from helpers.terms.money import CONTEXT, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

CAUSES = (*BRIDGE, "exchange rate", "restatement")
HOLDS = 5  # days that one of several rates of a month holds at most: a long weekend


def month_rate(rates: Any, which: Month, source: str, target: str) -> tuple[Decimal | None, str]:
    """The rate of a whole month and where it stands, or None and what is missing.

    One row on the month's first day is the month's rate. Of several rows in a month each holds until the next, at most
    `HOLDS` days, and the month's rate is the mean of its days; a day without one makes the month a gap. So do two
    different rates of one day.

    Parameters
    ----------
    rates : DataFrame or None
        Columns day, from_currency, to_currency, rate [target/source], source.
    """
    if source == target:
        return Decimal(1), ""
    by: dict[date, set[Decimal]] = {}
    named: set[str] = set()
    first, end = which.start.date(), which.end.date()
    for r in [] if rates is None else rates.to_dict("records"):
        day = r["day"].date() if hasattr(r["day"], "hour") else r["day"]
        if (
            r["from_currency"] == source
            and r["to_currency"] == target
            and first - timedelta(HOLDS) < day < end
        ):
            by.setdefault(day, set()).add(Decimal(r["rate"]))
            if day >= first:
                named.add(str(r["source"]))
    inside = sorted(d for d in by if d >= first)
    pair = f"{source} in {target}"
    if not inside:
        return None, f"no rate of {pair} for {which.title}"
    if twice := next((d for d in by if len(by[d]) > 1), None):
        return None, f"two rates of {pair} for {twice}"
    told = ", ".join(sorted(named))
    if inside == [first]:
        return next(iter(by[first])), told
    values = []
    for n in range(which.days):
        day = first + timedelta(n)
        held = [d for d in by if timedelta(0) <= day - d < timedelta(HOLDS)]
        if not held:
            return None, f"no rate of {pair} for {day}"
        values.append(next(iter(by[max(held)])))
    return ratio(add(values), len(values)), f"{told}, mean of the month's days"


def what_changed(
    charges: Table,
    which: Month,
    *,
    currency: str,
    rates: Any = None,
    deliveries: Any = None,
    as_of: date,
) -> pd.DataFrame:
    """Split the change of effective cost of all currencies, told in one, into causes that add up exactly.

    Parameters
    ----------
    charges : ibis Table
        As `measures.change.bridge` needs it.
    which : Month
    currency : str
        The one in which the change is told; charges in it are not converted.
    rates : DataFrame, optional
        Companion table ``exchange_rates``. A currency without a rate of both months is left out and named in
        ``attrs["gaps"]``.
    deliveries : DataFrame, optional
        The store's record of deliveries; None where restatements are not known for this scope.
    as_of : date
        Today. An open month is compared over equal days, without a restatement.

    Returns
    -------
    DataFrame
        Columns currency (of the charges), cause (of `CAUSES`), amount [`currency`, Decimal], nothing where amount is zero
        in all currencies; the amounts add up to the difference exactly. ``attrs``: those of `bridge` (previous_total is
        the month before as it was closed), rates (list of text), gaps (list of text).
    """
    import pandas as pd

    before = which.plus(-1)
    both = charges.filter(charges.x_KitPeriod.isin([str(before), str(which)]))
    held = {r[CURRENCY] for r in both.select(CURRENCY).distinct().to_pyarrow().to_pylist()}
    found: list[tuple[str, str, Decimal]] = []
    start, end = [], []
    used, gaps = [], []
    equal = None
    if as_of < which.end.date():  # one number of days for all currencies: the least that is whole
        equal = min(days_covered(both.filter(both[CURRENCY] == c), which) for c in held | {currency})
    for name in sorted(held | {currency}, key=lambda c: (c != currency, c)):
        (was, said), (now, also) = (month_rate(rates, m, name, currency) for m in (before, which))
        if was is None or now is None:
            gaps.append(said if was is None else also)
            continue
        if name != currency:
            used.append(
                f"1 {name} = {was.normalize():.6g} {currency} in {before.title} and {now.normalize():.6g} in {which.title} ({also})"
            )
        frame = bridge(both, which, currency=name, days=equal)
        moved = _restated(deliveries, str(before), name, as_of) if equal is None else Decimal(0)
        with localcontext(CONTEXT):
            parts, a, b = _converted(frame, was, now, moved)
        start.append(a)
        end.append(b)
        found += [(name, cause, amount) for cause, amount in parts.items()]
    table = pd.DataFrame(found, columns=["currency", "cause", "amount"], dtype=object)
    table.attrs |= {
        "month": str(which),
        "previous": str(before),
        "currency": currency,
        "days": equal or 0,
        "total": add(end),
        "previous_total": add(start),
        "rates": used,
        "gaps": gaps,
    }
    return table


def by_cause(changed: pd.DataFrame) -> pd.DataFrame:
    """Columns cause, amount of all currencies together, one row for each of `CAUSES`; attrs as they were."""
    import pandas as pd

    rows = [
        (c, add(a for k, a in zip(changed["cause"], changed["amount"], strict=True) if k == c))
        for c in CAUSES
    ]
    frame = pd.DataFrame(rows, columns=["cause", "amount"], dtype=object)
    frame.attrs |= changed.attrs
    return frame


def _restated(deliveries: Any, month: str, currency: str, as_of: date) -> Decimal:
    """What deliveries changed in a closed month after the first one that held it whole; one that came late counts whole."""
    if deliveries is None:
        return Decimal(0)
    found = budgets.late_and_restated(deliveries, currency=currency, as_of=as_of)
    return add(found[found["month"] == month]["change"])


def _converted(
    frame: pd.DataFrame, was: Decimal, now: Decimal, moved: Decimal
) -> tuple[dict[str, Decimal], Decimal, Decimal]:
    """One currency's causes at the rate before, what the rate moved, and the two totals.

    Last month as closed + restatement is last month as it stands, from which the bridge begins. Each amount is rounded to
    the places of stored money; the difference of these roundings alone goes to the exchange rate.
    """
    parts = {c: (a * was).quantize(PLACE) for c, a in zip(frame["cause"], frame["amount"], strict=True)}
    parts["exchange rate"] = (frame.attrs["total"] * (now - was)).quantize(PLACE)
    parts["restatement"] = (moved * was).quantize(PLACE)
    start = ((frame.attrs["previous_total"] - moved) * was).quantize(PLACE)
    end = (frame.attrs["total"] * now).quantize(PLACE)
    rest = end - start - sum(parts.values(), Decimal(0))
    if abs(rest) > PLACE * len(parts):
        raise AssertionError(
            f"the causes miss the change by {rest}"
        )  # a wrong formula must not hide in the rest
    parts["exchange rate"] += rest
    return parts, start, end
