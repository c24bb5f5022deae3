"""Tables of products: each row in its own currency, amounts never added across them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from helpers.views import sentences_products as say
from helpers.views.markup import Shown, block, plain, table, text_table, titled
from helpers.views.sentences import number, percent

DASH = "—"


def shared(frame: Any, pool: dict[str, Decimal], currency: str) -> Shown:
    """Run cost of each product without and with shared cost, by three methods [currency]."""
    head = ["Product", "Own", *(f"+ {m}" for m in ("even", "proportional", "by rule"))]
    rows = [[r["product"], *(number(r[c], 0) for c in frame.columns[1:])] for r in frame.to_dict("records")]
    whole = sum(pool.values(), Decimal(0))
    title = (
        f"{number(whole, 0)} {currency} are shared: the method decides who carries them"
        if whole
        else "No rule shares a cost out in this currency"
    )
    rules = ", ".join(f"{plain(n)} {number(v, 0)}" for n, v in pool.items())
    below = (
        f"Effective cost of the month, {currency}; shared out: {rules}"
        if whole
        else "shared_cost_rules.csv names what is shared"
    )
    return _shown("shared", title, below, head, rows if whole else [], odd=())


def customers(frame: Any, *, by: str = "customer") -> Shown:
    """Contribution of each customer or tier, the worst first."""
    rows = frame.to_dict("records")
    head = [by.capitalize(), "Share of use", "Revenue", "Cost", "Contribution", "Remark"]
    lines = [
        [r["customer"], percent(r["share"]), number(r["revenue"], 0), number(r["cost"], 0),
         number(r["contribution"], 0, signed=True), _kind(r["kind"])]
        for r in rows
    ]  # fmt: skip
    about = frame.attrs
    title = say.customers_title(frame) if by == "customer" else f"The same by {by}"
    below = (
        f"{about['product']}, {about['currency']} a month; cost is shared out by use"
        if rows
        else "customers.csv says what each used and paid"
    )
    return _shown(
        "customers",
        title,
        below,
        head,
        lines,
        left=(0, 5),
        odd=[i for i, r in enumerate(rows) if "loses" in r["kind"]],
    )


def _kind(kind: str) -> str:
    return {"whale": "whale", "loses": "loses", "whale loses": "whale, loses"}.get(kind, DASH)


def models(frame: Any) -> Shown:
    """Tokens, prices and what a cache would save, by product and model."""
    rows = frame.to_dict("records")
    head = ["Model", "Cost", "Per 1,000 tokens", "Input", "Cached", "Output", "From cache", "Saving a month"]
    lines = [
        [f"{r['product']}: {r['model']}", f"{number(r['cost'], 0)} {r['currency']}",
         *(say.figures(r[c]) for c in ("per_thousand", "input_price", "cached_price", "output_price")),
         DASH if r["cached_share"].is_nan() else percent(r["cached_share"]), number(r["saving"], 0)]
        for r in rows
    ]  # fmt: skip
    below = "Effective cost of the month; prices per 1,000 tokens; saving: up to two fifths of input tokens from a cache"
    return _shown(
        "models",
        say.models_title(frame),
        below if rows else "No meter counts tokens for a product",
        head,
        lines,
    )


def haste(frame: Any) -> Shown:
    """What projects paid for being in a hurry."""
    rows = frame.to_dict("records")
    head = ["Project", "What ran", "From", "To", "Cost", "Paid for haste"]
    lines = [
        [r["project"], r["resource"], str(r["first"]), str(r["last"]), f"{number(r['cost'], 0)} {r['currency']}",
         number(r["premium"], 0) if not r["premium"].is_nan() else r["reason"]]
        for r in rows
    ]  # fmt: skip
    known = [r for r in rows if not r["premium"].is_nan()]
    title = (
        f"{known[0]['project']}: haste cost {number(known[0]['premium'], 0)} {known[0]['currency']}"
        if known
        else "No project of the calendar ran on demand and went away"
    )
    below = "Machines that lived for a project only, at the on-demand price, against what commitments cost then in the same service"
    return _shown(
        "haste", title, below if rows else "calendar.csv names the projects", head, lines, left=(0, 1, 2, 3)
    )


def sheet(frame: Any) -> Shown:
    """The rule sheet: verdict, why, and what leaving is worth."""
    rows = frame.to_dict("records")
    head = [
        "Product",
        "Verdict",
        "Demand",
        "Busy load",
        "Run cost",
        "Breaks even at",
        "Worth of leaving",
        "Sunk, not counted",
        "Why",
    ]
    lines = [
        [r["product"], r["verdict"], DASH if r["demand"] is None else percent(r["demand"], signed=True),
         DASH if r["load"] is None else percent(r["load"], 0), f"{number(r['cost'], 0)} {r['currency']}",
         r["break_even"] or DASH, number(r["leaving"], 0), number(r["sunk"], 0), r["because"]]
        for r in rows
    ]  # fmt: skip
    below = "Demand: growth a month; run cost and break-even: a month; leaving: over the horizon, in the product’s own currency"
    odd = [i for i, r in enumerate(rows) if r["verdict"] == "decommission"]
    return _shown(
        "sheet",
        "The rule sheet: each verdict with its numbers and its reason",
        below if rows else "No product to judge",
        head,
        lines,
        left=(0, 1, 8),
        odd=odd,
    )


def bets(plan: dict[str, Any], currency: str) -> Shown:
    """Bets by expected return, what the budget buys, and what a week earlier is worth."""
    rows = plan["frame"].to_dict("records")
    head = ["Bet", "Bought", "Cost", "Expected in a year", "Return", "A week is worth", "Haste gains"]
    words = {"now": "yes", "with more": "with more", "no": DASH}
    lines = [
        [r["bet"], words[r["chosen"]], number(r["cost"], 0), number(r["expected"], 0), f"{number(r['return'], 1)} ×",
         number(r["week"], 0), DASH if r["haste"] is None else number(r["haste"], 0, signed=True)]
        for r in rows
    ]  # fmt: skip
    below = f"{currency}; expected value: chance × range; return: gain for each unit of money; haste: worth of the weeks less their price"
    return _shown(
        "bets",
        say.plan_title(plan, currency),
        below if rows else "bets.csv holds what could be built",
        head,
        lines,
        left=(0, 1),
    )


def designs(frame: Any) -> Shown:
    """Unit cost of planned features, with interval and the chance of their target."""
    rows = frame.to_dict("records")
    head = [
        "Feature",
        "One",
        "Likely",
        "90 % interval",
        "Target",
        "Chance to keep it",
        "Four in five keep",
        "Largest part",
    ]
    lines = [
        [r["feature"], f"{r['currency']} per {r['unit']}", say.figures(r["likely"]), r["reason"] or f"{say.figures(r['low'])} to {say.figures(r['high'])}",
         say.figures(r["target"]), DASH if r["chance"] is None else percent(r["chance"], 0), say.figures(r["kept"]), r["largest"] or DASH]
        for r in rows
    ]  # fmt: skip
    known = [r for r in rows if r["chance"] is not None]
    least = min(known, key=lambda r: r["chance"]) if known else None
    title = (
        f"{least['feature']} keeps its target in {percent(least['chance'], 0)} of cases"
        if least
        else "No planned feature has a design with a target"
    )
    below = "Use of each component as a range, at prices paid in the last six months; simulated"
    return _shown(
        "designs",
        title,
        below if rows else "designs.csv says what a feature would use",
        head,
        lines,
        left=(0, 1, 7),
    )


def _shown(
    kind: str, title: str, below: str, head: Sequence[str], rows: Sequence[Sequence[Any]], *, left: Sequence[int] = (0,),
    odd: Sequence[int] = (),
) -> Shown:  # fmt: skip
    words = [[plain(c, 200) for c in row] for row in rows]
    body = table(head, words, caption=f"{title}. {below}", left=left, odd=odd) if words else ""
    return Shown(
        block(kind, titled(title, below) + body),
        f"{title}\n{below}\n{text_table(head, words) if words else ''}",
    )
