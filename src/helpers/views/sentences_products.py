"""Sentences about products: unit costs, margins, verdicts, bets."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from helpers.terms.money import CONTEXT
from helpers.views.sentences import capital, count, listed, money, number, percent

THOUSAND = Decimal(1000)


def per(row: Any) -> str:
    """What one unit cost is for: ``order``, ``1,000 requests``."""
    driver = row["driver"] or "units"
    return driver.removesuffix("s") if row["per"] == 1 else f"{number(row['per'], 0)} {driver}"


def figures(value: Decimal | None) -> str:
    """A unit cost with three figures, however small.

    Examples
    --------
    >>> figures(Decimal("52.5003")), figures(Decimal("0.1213")), figures(None)
    ('52.5', '0.121', '—')
    """
    if value is None or not value.is_finite() or not value:
        return number(value)
    return number(value, max(0, 2 - value.adjusted()))


def headline(now: Any, sheet: Any, *, missing: str = "") -> str:
    """The page's answer: who loses, who should go, whose unit cost rises."""
    rows = now.to_dict("records")
    if not rows:
        return missing or "No charge of this month belongs to a product"
    losing = sorted(
        (r for r in rows if not r["margin"].is_nan() and r["margin"] < 0), key=lambda r: r["margin"]
    )
    leave = [r["product"] for r in sheet.to_dict("records") if r["verdict"] == "decommission"]
    said = []
    if losing:
        names = listed([r["product"] for r in losing[:3]])
        said.append(
            f"{names} {'cost' if len(losing) > 1 else 'costs'} more than {'they earn' if len(losing) > 1 else 'it earns'}"
        )
    if leave:
        said.append(f"{listed(leave[:3])} {'are' if len(leave) > 1 else 'is'} worth more ended than kept")
    if said:
        return "; ".join(said)
    known = [r for r in rows if not r["margin"].is_nan()]
    return (
        f"All {count(len(known))} products whose revenue is known earn more than they cost"
        if known
        else f"{capital(count(len(rows)))} products have a cost, and none a known revenue"
    )


def lede(now: Any, actions: Sequence[Any], *, missing: str = "") -> str:
    """What stands behind the headline, with amounts in their own currencies."""
    rows = [r for r in now.to_dict("records") if not r["contribution"].is_nan() and r["contribution"] < 0]
    rows.sort(key=lambda r: r["contribution"])
    parts = [f"{r['product']} loses {money(-r['contribution'], r['currency'])} a month" for r in rows[:3]]
    said = [f"{capital('; '.join(parts))}."] if parts else []
    over = [r for r in now.to_dict("records") if not (r["unit_cost"].is_nan() or r["target"].is_nan())]
    missed = [r for r in over if r["unit_cost"] > r["target"]]
    if over:
        said.append(f"{capital(count(len(missed)))} of {count(len(over))} unit costs are above their target.")
    if actions:
        said.append(f"{capital(count(len(actions)))} decisions are due, the first by {actions[0].owner}.")
    return " ".join([*said, missing]).strip()


def trend_title(panels: Sequence[Any]) -> str:
    """What the unit costs of all products show."""
    rising = [p for p in panels if p["rises"] and not p["falls"]]
    driven = [p for p in panels if p["rises"] and p["falls"]]
    if rising:
        first = max(rising, key=lambda p: p["rate"])
        others = [p["product"] for p in rising if p is not first]
        also = f", {listed(others)} too" if others else ""
        said = f"{first['product']} costs {percent(first['rate'])} more per unit each month{also}"
        return f"{said}, and demand does not explain it"
    if driven:
        return f"Unit cost rises only where demand falls: {listed([p['product'] for p in driven])}"
    return "No unit cost rises month after month" if panels else "No product has a unit cost"


def margin_title(rows: Sequence[Any]) -> str:
    """Who earns and who loses."""
    losing = [r for r in rows if r["margin"] < 0]
    if not rows:
        return "No product has a known revenue"
    if not losing:
        return f"All {count(len(rows))} products with revenue earn more than they cost"
    worst = min(losing, key=lambda r: r["margin"])
    loss = number(CONTEXT.subtract(Decimal(0), worst["margin"]), 2)
    said = f"{worst['product']} loses {loss} {worst['currency']} on each {worst['currency']} it earns"
    others = [r["product"] for r in losing if r is not worst]
    return f"{said}; {listed(others)} {'lose' if len(others) > 1 else 'loses'} too" if others else said


def change_title(frame: Any, what: str) -> str:
    """Why a unit cost moved."""
    about = frame.attrs
    if "reason" in about:
        return f"{capital(what)}: {about['reason']}"
    before, after = about["previous_total"], about["total"]
    if not before or before == after:
        return f"The unit cost of {what} did not move"
    moved = CONTEXT.divide(CONTEXT.subtract(after, before), before)
    parts = sorted(zip(frame["cause"], frame["amount"], strict=True), key=lambda p: -abs(p[1]))
    with_it = [c for c, a in parts if a and (a > 0) == (moved > 0)]
    direction = "more" if moved > 0 else "less"
    cause = f", above all through {CAUSES.get(with_it[0], with_it[0])}" if with_it else ""
    return f"{capital(what)} {'cost' if what.endswith('s') else 'costs'} {percent(abs(moved))} {direction} per unit{cause}"


CAUSES = {
    "price": "price",
    "efficiency": "use per unit",
    "mix": "the mix of products",
    "fixed use": "machines that do not follow volume",
    "dilution": "fixed cost on another volume",
    "new": "what is new",
    "ended": "what ended",
    "no quantity": "charges without a quantity",
    "without units": "cost without units",
}


def fit_title(fit: Any, name: str, row: Any) -> str:
    """What a regression shows of one product."""
    if not fit.known or fit.reason.startswith("the interval"):
        return f"{name}: {fit.reason}"
    share = percent(fit.fixed_share, 0) if fit.fixed_share is not None else "an unknown part"
    return f"One more {per(row)} costs {name} {figures(fit.per_unit)} {row['currency']}; {share} of its cost stays without any"


def verdict_title(rows: Sequence[Any]) -> str:
    """What the rule sheet says."""
    if not rows:
        return "No product to judge"
    by: dict[str, list[str]] = {}
    for r in rows:
        by.setdefault(r["verdict"], []).append(r["product"])
    parts = [
        f"{verb} {listed(by[v])}"
        for v, verb in (("decommission", "end"), ("scale", "scale"), ("mend", "mend"))
        if v in by
    ]
    return capital("; ".join(parts)) if parts else "Hold all: nothing calls for a change"


def plan_title(plan: Any, currency: str) -> str:
    """What the budget buys, and what the next money would."""
    if not len(plan["frame"]):
        return f"No bet is written down in {currency}"
    chosen = listed([b.name for b in plan["taken"]]) or "no bet"
    added = money(plan["added"], currency)
    return (
        f"{money(plan['budget'], currency)} buy {count(len(plan['taken']))} bets; {money(plan['more'], currency)} more would add {added} a year"
        if plan["taken"]
        else f"The budget buys {chosen}"
    )


def customers_title(frame: Any) -> str:
    """Whom a product earns and loses with."""
    rows = frame.to_dict("records")
    if not rows:
        return "No customer's use is known this month"
    losing = [r for r in rows if r["contribution"] < 0]
    whales = [r for r in losing if "whale" in r["kind"]]
    product = frame.attrs["product"]
    if not losing:
        return f"Every customer of {product} pays for what they use"
    share = percent(sum((r["share"] for r in losing), Decimal(0)), 0)
    heavy = f", {count(len(whales))} of them whales," if whales else ""
    return f"{capital(count(len(losing)))} customers of {product}{heavy} pay less than they cost: {share} of its use"


def models_title(frame: Any) -> str:
    """What models cost, and what a cache would save."""
    rows = frame.to_dict("records")
    if not rows:
        return "No product pays for a model by the token"
    known = [r for r in rows if not r["saving"].is_nan() and r["saving"] > 0]
    if not known:
        return "Where tokens could come from a cache, they do"
    money_ = known[0]["currency"]
    whole = sum((r["saving"] for r in known if r["currency"] == money_), Decimal(0))
    return f"A cache would save {money(whole, money_)} a month: the same context is sent again and again"
