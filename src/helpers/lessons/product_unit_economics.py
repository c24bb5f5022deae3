"""Exercises on the product manager's month: who loses, whose unit cost rises, what to end, what to scale, what haste cost.

Answers come from the run's own charges and tables; the subjects are whatever these data have most of.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from helpers.catalog.product_economics import Economics
from helpers.lessons.exercises import Exercise, Mistake
from helpers.models import bets
from helpers.terms.money import CONTEXT, ratio

ZERO = Decimal(0)
NO_ANSWER = "These data have no products yet: products.csv, drivers.csv and product_plans.csv say what there is to ask about."


def loss(run: Any) -> Exercise:
    """Loss of the product with the thinnest known margin in customers' hands, against the average loss and against revenue."""
    books = Economics(run)
    rows = [r for r in books.now.to_dict("records") if not r["contribution"].is_nan()]
    name = books.customer_product or (min(rows, key=lambda r: r["margin"])["product"] if rows else "")
    row = books.driver_of(name)
    lost = row.get("contribution")
    built = row.get("build") or ZERO
    other = max((r for r in rows if r["product"] != name), key=lambda r: r["cost"], default=None)
    return Exercise(
        1,
        "Does it earn what it costs?",
        8,
        f"What did {name} contribute in {run.month.title}: its revenue less what ran for it, in {row.get('currency', '')}, to the "
        "cent? A loss is negative."
        if row
        else "What did your weakest product contribute?",
        "Its revenue stands in drivers.csv by day, its charges are those that products.csv gives it. Leave out what builds it, and "
        "mind the currency.",
        "money",
        lost,
        f"That is a margin of {_percent(row['margin'])}. Growing it as it is makes the loss larger."
        if row
        else NO_ANSWER,
        _mistakes(
            lost,
            (
                row.get("revenue"),
                "That is its revenue. What ran for it has to be paid out of it first.",
            ),
            (
                None if lost is None else -lost,
                "The amount is right and the sign is not: what costs more than it earns contributes less than nothing.",
            ),
            (
                CONTEXT.subtract(lost, built) if built and lost is not None else None,
                "You counted building it too. What builds a product is decided on by itself: it stands in no unit.",
            ),
            (
                other["contribution"] if other else None,
                f"That is {other['product'] if other else ''}. Read the question’s product.",
            ),
        ),
        unit=row.get("currency", ""),
        watch="Somebody turns euros into dollars. Ask at which rate, and who named it.",
    )


def rising(run: Any) -> Exercise:
    """The product whose unit cost rises by itself, against the one whose demand falls and against the dearest."""
    books = Economics(run)
    panels = books.panels()
    mine = [p for p in panels if p["rises"] and not p["falls"]]
    answer = max(mine, key=lambda p: p["rate"])["product"] if mine else None
    falling = max((p for p in panels if p["rises"] and p["falls"]), key=lambda p: p["rate"], default=None)
    dearest = next((p for p in panels if p["product"] != answer), None)
    second = next((p["product"] for p in sorted(mine, key=lambda p: -p["rate"])[1:]), None)
    return Exercise(
        2,
        "Whose unit cost rises by itself?",
        8,
        "Which product’s unit cost grows fastest month by month, while its demand does not fall?",
        "Look at the slope of each small picture, not at its height; then at its demand. Where fewer come, each of them costs more.",
        "choice",
        answer,
        f"It grows by {_percent(max(mine, key=lambda p: p['rate'])['rate'])} a month: name the part whose use per unit grows."
        if mine
        else "No unit cost rises in these data while demand holds."
        if panels
        else NO_ANSWER,
        _mistakes(
            answer,
            (
                falling["product"] if falling else None,
                "Its unit cost rises because fewer use it: the machines stayed. That is another decision.",
            ),
            (second, "It rises too, but more slowly. Compare the growth a month."),
            (
                dearest["product"] if dearest else None,
                "That is a large cost, not one that grows with each unit. Look at the slope.",
            ),
        ),
        choices=tuple(p["product"] for p in panels),
        watch="People name the dearest product. Ask: dearer than when?",
    )


def ending(run: Any) -> Exercise:
    """Worth of leaving for the dearest product to end, against counting sunk cost and against forgetting revenue."""
    books = Economics(run)
    rows = [r for r in books.sheet(_own(run, "horizon")).to_dict("records") if r["verdict"] == "decommission"]
    row = max(rows, key=lambda r: r["cost"]) if rows else None
    answer = row["leaving"] if row else None
    sunk = row["sunk"] if row and not row["sunk"].is_nan() else ZERO
    plan = (
        next((p for p in books.plans.to_dict("records") if row and p["product"] == row["product"]), {})
        if rows
        else {}
    )
    once = plan.get("leaving_cost")
    once = once if isinstance(once, Decimal) and not once.is_nan() else ZERO
    return Exercise(
        3,
        "End it, or keep it?",
        10,
        f"What is it worth to end {row['product']}, over the horizon of the rule sheet, in {row['currency']}, to the cent?"
        if row
        else "What is it worth to end a product that nobody needs?",
        "Add up the cost that is no longer paid, month by month after leaving, take away the revenue that is lost and what leaving "
        "costs. What was spent on building it is spent either way.",
        "money",
        answer,
        f"Its demand falls by {_percent(abs(row['demand']))} a month: set its last day."
        if row
        else "The rule sheet ends no product in these data."
        if len(books.now)
        else NO_ANSWER,
        _mistakes(
            answer,
            (
                CONTEXT.subtract(answer, sunk) if answer is not None and sunk else None,
                "You took what it cost to build into account. That money is gone whichever way you decide.",
            ),
            (
                CONTEXT.add(answer, once) if answer is not None and once else None,
                "You forgot what leaving costs: moving data, paying out, giving notice.",
            ),
            (
                row["cost"] if row else None,
                "That is one month of its cost. Leaving is worth more than a month, and costs something first.",
            ),
        ),
        unit=row["currency"] if row else "",
        watch="“We have put so much into it.” Let them say the sentence, then ask what changes if they keep it.",
    )


def scaling(run: Any) -> Exercise:
    """The product that grows and pays, against the one that grows and loses and the one that earns most."""
    books = Economics(run)
    rows = [r for r in books.sheet(_own(run, "horizon")).to_dict("records") if r["demand"] is not None]
    pays = [
        r
        for r in rows
        if not r["margin"].is_nan()
        and r["margin"] > 0
        and r["demand_rises"]
        and r["demand"] >= Decimal("0.02")
    ]
    answer = max(pays, key=lambda r: r["demand"])["product"] if pays else None
    loses = max(
        (r for r in rows if not r["margin"].is_nan() and r["margin"] < 0 and r["demand_rises"]),
        key=lambda r: r["demand"], default=None,
    )  # fmt: skip
    most = max((r for r in rows if not r["margin"].is_nan()), key=lambda r: r["contribution"], default=None)
    return Exercise(
        4,
        "What deserves to grow?",
        5,
        "Which product’s demand grows fastest while each of its units pays?",
        "Two things at once: to the right of the picture, and above its middle line.",
        "choice",
        answer,
        "Look at the busy hours of its machines before its season comes; capacity bought in haste is dear."
        if answer
        else "No product of these data both grows by two percent a month and pays."
        if rows
        else NO_ANSWER,
        _mistakes(
            answer,
            (
                loses["product"] if loses else None,
                "It grows, and loses more with each unit. Price or cost first.",
            ),
            (
                most["product"] if most else None,
                "It earns most today. The question is what grows.",
            ),
        ),
        choices=tuple(r["product"] for r in rows),
        watch="The loudest product wins the room. Ask for its margin before its growth.",
    )


def caching(run: Any) -> Exercise:
    """What a cache saves on the dearest model, against no price of cached tokens and against all tokens."""
    books = Economics(run)
    rows = [r for r in books.models.to_dict("records") if not r["saving"].is_nan() and r["saving"] > 0]
    row = rows[0] if rows else None
    answer = row["saving"] if row else None
    share = Decimal("0.4")
    if row:
        fresh, cached = row["input"], row["cached"]
        more = CONTEXT.subtract(CONTEXT.multiply(share, CONTEXT.add(fresh, cached)), cached)
        free = CONTEXT.divide(CONTEXT.multiply(more, row["input_price"]), Decimal(1000))
        gap = CONTEXT.subtract(row["input_price"], row["cached_price"])
        all_of_it = CONTEXT.divide(CONTEXT.multiply(fresh, gap), Decimal(1000))
        again = CONTEXT.divide(
            CONTEXT.multiply(CONTEXT.multiply(share, CONTEXT.add(fresh, cached)), gap), Decimal(1000)
        )
    else:
        free = all_of_it = again = None
    return Exercise(
        5,
        "Said once, paid a thousand times",
        8,
        f"{row['product']} sends the same context to {row['model']} again and again. If two fifths of its input tokens came from a "
        f"cache, how much less would {run.month.title} have cost, in {row['currency']}, to the cent?"
        if row
        else "What would a cache save on a model?",
        "Find how many tokens more would come from the cache than do today, and what each of them costs less.",
        "money",
        answer,
        f"Today {_percent(row['cached_share'])} come from it. Measure for a week how much of your context repeats."
        if row
        else "No model of these data has a price for cached tokens, or the cache is used already.",
        _mistakes(
            answer,
            (free, "A cached token is cheap, not free: take the difference of the two prices."),
            (
                all_of_it,
                "You moved all input into the cache. Only what repeats can come from it: two fifths.",
            ),
            (again, "Part of it comes from the cache already. Count only what would be added."),
        ),
        unit=row["currency"] if row else "",
        watch="Ask how anybody knows that two fifths repeat. It is an assumption: who measures it?",
    )


def hurry(run: Any) -> Exercise:
    """What haste cost, against the whole cost and against list price."""
    books = Economics(run)
    rows = [r for r in books.haste.to_dict("records") if not r["premium"].is_nan()]
    row: Any = rows[0] if rows else None
    answer: Any = row["premium"] if row else None
    months = CONTEXT.divide(answer, Decimal(3)) if row else None
    return Exercise(
        6,
        "What did haste cost?",
        10,
        f"{row['resource']} ran on demand for “{row['project']}”. How much less would a commitment have cost, at the rate that "
        f"commitments had then in {row['service']}, in {row['currency']}, to the cent?"
        if row
        else "What did a project pay for being in a hurry?",
        "Of what commitments covered in that service and those months: effective cost ÷ contracted cost is their rate. The rest, "
        "up to one, is what haste paid.",
        "money",
        answer,
        f"It is {_percent(ratio(answer, row['cost']))} of the project’s machines: write it beside what a week earlier was worth."
        if row
        else "No project of the calendar ran on demand and went away in these data, or none of its months is in the store.",
        _mistakes(
            answer,
            (
                row["cost"] if row else None,
                "That is all they cost. With time, most of it would have been paid too.",
            ),
            (
                CONTEXT.subtract(row["cost"], answer) if row else None,
                "That is what a commitment would have cost. The question is how much less that is.",
            ),
            (months, "That is one month of three. The project paid it for as long as it ran."),
        ),
        unit=row["currency"] if row else "",
        watch="Commitments need a year and the project took three months: would one have been bought? Let them argue; then ask who "
        "else could have used it.",
    )


def choosing(run: Any) -> Exercise:
    """Expected gain of the best bets within the budget, against the list by return and against the largest bet."""
    books = Economics(run)
    plan = books.plan(_own(run, "budget"))
    answer = plan["gain"] if books.bets else None
    largest = max((b for b in books.bets if b.cost <= plan["budget"]), key=lambda b: b.value, default=None)
    value = sum((b.value for b in plan["taken"]), ZERO)
    return Exercise(
        7,
        "Where does the money go next?",
        10,
        f"With {plan['budget']:,.0f} {run.currency} for bets: what is the highest expected gain (value less cost) that can be bought, "
        "to the cent?",
        "Not more than one bet of those that exclude each other, and none without what it needs. Try whether two that fit beat one "
        "that returns more.",
        "money",
        answer,
        f"It buys {', '.join(b.name for b in plan['taken'])}. The next {plan['more']:,.0f} would add {plan['added']:,.2f}."
        if books.bets
        else f"bets.csv has no bet in {run.currency} yet.",
        _mistakes(
            answer,
            (
                plan["greedy"],
                "You went down the list by return. Money was left over that another choice puts to work.",
            ),
            (value, "That is the value before cost. What a bet costs has to come off."),
            (
                bets.gain([largest]) if largest else None,
                "That is the largest bet alone. There is money left for others.",
            ),
        ),
        unit=run.currency,
        watch="Everybody defends a bet of their own. Ask each for its chance of failing before its value.",
    )


def _own(run: Any, name: str) -> str:
    return getattr(run, "own", {}).get(name, "")


def _percent(value: Decimal) -> str:
    return f"{CONTEXT.multiply(value, Decimal(100)):,.1f} %".replace("-", "−")


def _mistakes(solution: Any, *ways: tuple[Any, str]) -> tuple[Mistake, ...]:
    """The wrong ways that give another answer than the right one, each answer once."""
    found: dict[Any, Mistake] = {}
    for answer, why in ways:
        if answer is None or solution is None:
            continue
        if (
            (isinstance(answer, Decimal) and answer.is_nan())
            or answer == ""
            or _same(answer, solution)
            or answer in found
        ):
            continue
        found[answer] = Mistake(answer, why)
    return tuple(found.values())


def _same(a: Any, b: Any) -> bool:
    return a == b or (isinstance(a, Decimal) and isinstance(b, Decimal) and abs(a - b) <= Decimal("0.005"))


EXERCISES: tuple[Callable[[Any], Exercise], ...] = (loss, rising, ending, scaling, caching, hurry, choosing)
