"""The practitioner's month: seven questions that every FinOps meeting comes back to.

Each function takes the run at hand and gives one `Exercise`, its solution and the usual wrong ways computed from the
run's own charges. Which wrong ways are usual: the two readings of the savings rate come from tools in use
(docs/measures.md), the others from what the terms are mistaken for.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from helpers.lessons.exercises import Exercise, Mistake
from helpers.terms.money import CONTEXT, ratio


def total(run: Any) -> Exercise:
    """Billed cost to the cent, against effective cost and against usage alone."""
    from helpers.measures import evaluate, totals

    month = _month(run)
    billed, effective = _values(evaluate([totals.total(month, c) for c in ("BilledCost", "EffectiveCost")]))
    usage = _sums(month, usage=month.BilledCost.sum(where=month.ChargeCategory == "Usage"))["usage"]
    return Exercise(
        1,
        "What will the invoices say?",
        5,
        f"All invoices for {run.month.title} together: what do they come to, in {run.currency}, to the cent?",
        "FOCUS has four costs. Only one of them is what an invoice shows: add it up over every charge of the month, "
        "whatever its category.",
        "money",
        billed,
        "It is the figure to compare with the ledger, and the page says under its title whether it reconciles with "
        "the source files.",
        _mistakes(
            billed,
            (
                effective,
                "That is effective cost: it spreads what was prepaid over the months that use it. An invoice shows "
                "what is payable now, billed cost.",
            ),
            (
                usage,
                "That is usage alone. An invoice also carries purchases, tax, credits and refunds: take every "
                "ChargeCategory.",
            ),
        ),
        unit=run.currency,
        watch="People take the big number on the page, which is effective cost. Ask: which of the two would the "
        "ledger know?",
    )


def savings(run: Any) -> Exercise:
    """Savings rate over list price, against the two ways of counting the same usage twice."""
    from helpers.measures import evaluate, rows
    from helpers.measures import savings as measure

    month = _month(run)
    (rate,) = _values(evaluate([measure.over_list(month)]))
    ran = rows.ran(month) & rows.priced(month, "ListCost")
    s = _sums(
        month,
        paid=month.EffectiveCost.sum(where=ran),
        lost=month.EffectiveCost.sum(where=rows.unused(month)),
        full=month.ListCost.sum(where=ran),
        lost_full=month.ListCost.sum(where=rows.unused(month)),
        bought=month.ListCost.sum(where=month.ChargeCategory == "Purchase"),
    )
    paid = s["paid"] + s["lost"]
    return Exercise(
        2,
        "What did discounts save?",
        10,
        f"How much less than list price did {run.month.title}’s usage cost, in percent? Unused commitment is paid for, "
        "but nobody would have bought it at list price.",
        "1 − effective cost / list cost. Unused commitment belongs above the line only, purchases on neither side: "
        "their value already stands in the usage that they cover.",
        "percent",
        None if rate.is_nan() else rate,
        "Show it with its scope: providers’ benchmarks leave out spot, private discounts or support."
        if not rate.is_nan()
        else "No usage of this month has a list price, so there is no rate.",
        _mistakes(
            rate,
            (
                _saved(paid, s["full"] + s["lost_full"] + s["bought"]),
                "You counted purchases at list price. What a purchase buys is already in the usage that it covers: "
                "counted twice, the rate looks far better than it is.",
            ),
            (
                _saved(paid, s["full"] + s["lost_full"]),
                "You gave unused commitment a list price. Nothing ran, so without discounts nothing would have been "
                "paid: it counts in effective cost only.",
            ),
            (
                _saved(s["paid"], s["full"]),
                "You left unused commitment out. It was paid for: it lowers what the discounts saved.",
            ),
        ),
        unit="%",
        watch="Let two people with different answers write down which rows are in each sum. The difference is always a "
        "row set, never the formula.",
    )


def coverage(run: Any) -> Exercise:
    """Coverage in on-demand value, against utilisation and against coverage in effective cost."""
    from helpers.measures import commitments, evaluate

    month = _month(run)
    covered, effective, used = _values(
        evaluate(
            [
                commitments.coverage(month),
                commitments.coverage(month, "EffectiveCost"),
                commitments.utilisation(month),
            ]
        )
    )
    return Exercise(
        3,
        "Did we buy enough commitment?",
        5,
        f"Of {run.month.title}’s compute usage that a commitment could cover, which share was covered? Measure it in "
        "what the usage would cost on demand (contracted cost), without spot.",
        "Two rates look alike. Coverage asks the usage: who pays for me? Utilisation asks the commitment: am I used?",
        "percent",
        None if covered.is_nan() else covered,
        "Low coverage with high utilisation means: what was bought is used up, there is room for more."
        if not covered.is_nan()
        else "No compute usage of this month could be covered by a commitment.",
        _mistakes(
            covered,
            (
                used,
                "That is utilisation: of what was bought, how much was used. Coverage starts from the usage: of what "
                "could be covered, how much was.",
            ),
            (
                effective,
                "That is coverage in effective cost, where covered usage weighs less because it is cheaper. Take "
                "contracted cost on both sides.",
            ),
        ),
        unit="%",
        watch="Who sees a high utilisation and concludes that all is well? Ask what happens to utilisation when a "
        "commitment ends.",
    )


def owners(run: Any) -> Exercise:
    """Share of cost without an owner, against the share of charges and against untagged cost."""
    month = _month(run)
    none, no_tag = month.x_KitOwner.isnull(), ~month.x_KitTagged.fill_null(False)
    s = _sums(
        month,
        all=month.EffectiveCost.sum(),
        unowned=month.EffectiveCost.sum(where=none),
        untagged=month.EffectiveCost.sum(where=no_tag),
        rows=month.count(),
        unowned_rows=none.sum(),
    )
    share = ratio(s["unowned"], s["all"])
    known = s["unowned_rows"] != s["rows"] and not share.is_nan()
    return Exercise(
        4,
        "Who owns it?",
        5,
        f"Which share of {run.month.title}’s effective cost has no owner by the allocation rules?",
        "Filter the charges whose x_KitOwner is null, add up EffectiveCost, divide by the whole.",
        "percent",
        share if known else None,
        "An owner is a person who answers for the cost; a tag is only one way of finding that person."
        if known
        else "These data have no allocation rules yet, so nothing has an owner: `finops init` writes the file to fill in.",
        _mistakes(
            share,
            (
                ratio(s["unowned_rows"], s["rows"]),
                "That is the share of charges, not of cost. A thousand small charges may weigh less than one large "
                "one: weigh by EffectiveCost.",
            ),
            (
                ratio(s["untagged"], s["all"]),
                "That is the share without tags. The rules also find owners by account, and a tag may name nobody.",
            ),
        ),
        unit="%",
        watch="“Untagged” and “unowned” are used as one word. Ask for a charge that is one and not the other.",
    )


def _month(run: Any) -> Any:
    from helpers.measures import month

    charges = month(run.charges, run.month)
    return charges.filter(charges.BillingCurrency == run.currency)


def _values(frame: Any) -> list[Decimal]:
    """The measures of a frame of one currency, in order; NaN where there is no row."""
    row = frame.iloc[0]
    return [row[c] for c in frame.columns if c != "BillingCurrency"]


def _sums(table: Any, **aggregates: Any) -> dict[str, Decimal]:
    row = table.aggregate(**aggregates).to_pyarrow().to_pylist()[0]
    return {name: Decimal(0) if value is None else Decimal(value) for name, value in row.items()}


def _saved(paid: Decimal, full: Decimal) -> Decimal:
    return CONTEXT.subtract(Decimal(1), ratio(paid, full))


def _mistakes(solution: Any, *ways: tuple[Any, str]) -> tuple[Mistake, ...]:
    """The wrong ways that give a wrong answer on these data: some coincide with the right one by chance."""
    return tuple(
        Mistake(answer, why)
        for answer, why in ways
        if answer is not None and answer != solution and not (isinstance(answer, Decimal) and answer.is_nan())
    )


EXERCISES = (total, savings, coverage, owners)
