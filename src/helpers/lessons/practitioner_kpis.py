"""The practitioner's month: the questions that every FinOps meeting comes back to.

Each function takes the run at hand and gives one `Exercise`, its solution and the usual wrong ways computed from the
run's own charges. Which wrong ways are usual: the two readings of the savings rate come from tools in use
(docs/measures.md), the others from what the terms are mistaken for.
"""

from __future__ import annotations

from datetime import date, timedelta
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
    from helpers.measures import allocation, evaluate, rows

    month = _month(run)
    share, untagged = _values(evaluate([allocation.unallocated(month), allocation.untagged(month)]))
    spent = rows.spent(month)
    nobody = spent & month.x_KitOwner.isnull() & month.x_KitDepartment.isnull()
    s = _sums(month, all=spent.sum(), named=month.x_KitOwner.count(), nobody=nobody.sum())
    known = s["named"] > 0 and not share.is_nan()
    return Exercise(
        4,
        "Who owns it?",
        5,
        f"Which share of {run.month.title}’s effective cost has neither owner nor department by the allocation rules? Take "
        "usage and purchases, without corrections: nobody can own a tax.",
        "Take the charges whose x_KitOwner and x_KitDepartment are both null, add up EffectiveCost, divide by the whole.",
        "percent",
        share if known else None,
        "An owner is a person who answers for the cost; a tag is only one way of finding that person."
        if known
        else "These data have no allocation rules yet, so nothing has an owner: “finops init” writes the file to fill in.",
        _mistakes(
            share,
            (
                ratio(s["nobody"], s["all"]),
                "That is the share of charges, not of cost. A thousand small charges may weigh less than one large "
                "one: weigh by EffectiveCost.",
            ),
            (
                untagged,
                "That is the share without tags. The rules also find owners by account, and a tag may name nobody.",
            ),
        ),
        unit="%",
        watch="“Untagged” and “unowned” are used as one word. Ask for a charge that is one and not the other.",
    )


def cause(run: Any) -> Exercise:
    """The largest cause of the month's change, against the second and against the one people suspect."""
    from helpers.measures import change

    bridge = change.bridge(run.charges, run.month, currency=run.currency, as_of=run.as_of)
    amounts = dict(zip(bridge["cause"], bridge["amount"], strict=True))
    first, second, *others = sorted(amounts, key=lambda c: -abs(amounts[c]))
    suspect = next(c for c in ("list price", "volume", "days") if c in others)
    compared = bool(bridge.attrs["previous_total"]) and amounts[first] != 0
    return Exercise(
        5,
        "Price, or more of it?",
        10,
        f"Read the bridge from {run.month.plus(-1).name} to {run.month.title}: which single cause moved effective cost "
        "most, up or down?",
        "The longest bar counts, whichever way it points. The bars add up to the whole change, so two long ones may "
        "nearly cancel out.",
        "choice",
        first if compared else None,
        f"It moved cost by {_signed(amounts[first])} {run.currency}. Volume is for the product’s people to explain, "
        "price and commitment for procurement’s."
        if compared
        else "There is no month before this one to compare with, or nothing changed.",
        _mistakes(
            first,
            (
                second,
                f"That comes second, with {_signed(amounts[second])} against {_signed(amounts[first])}. Compare the bars’ "
                "lengths, not where they stand.",
            ),
            (
                suspect,
                f"That is what is suspected first, but it moved cost by {_signed(amounts[suspect])} only. Look at the bar "
                "before you look for its reason.",
            ),
        ),
        choices=change.CAUSES,
        watch="People look for the reason they already know. Ask them to say the number before the story.",
    )


def equal_days(run: Any) -> Exercise:
    """Growth of the open month over equal days, against the whole month and against an average day."""
    from helpers.measures import change, evaluate, totals

    is_open = run.as_of < run.month.end.date()
    month = run.month if is_open else run.month.plus(1)
    before = month.plus(-1)
    both = change.bridge(run.charges, month, currency=run.currency, as_of=run.as_of)
    days, now, same_days = (both.attrs[name] for name in ("days", "total", "previous_total"))
    inside = run.charges.filter(run.charges.BillingCurrency == run.currency)
    inside = inside.filter(inside.x_KitPeriod == str(before))
    (whole,) = _values(evaluate([totals.total(inside, "EffectiveCost")]))
    growth = _grown(now, same_days)
    known = bool(days) and not growth.is_nan()
    average = CONTEXT.divide(CONTEXT.multiply(whole, Decimal(days)), Decimal(before.days))
    return Exercise(
        6,
        "The month that is not over",
        10,
        f"{month.title} is open: its charges reach to day {days}. By how many percent is its effective cost above "
        f"(below: minus) that of the same days of {before.title}?",
        "Cut both months after the same day, and leave fees for a whole month out of both. Then divide.",
        "percent",
        growth if known else None,
        "Equal days compare like with like; the rest of the month is a forecast, which is another question."
        if known
        else f"{month.title} has no whole day of charges yet, so there is nothing to compare.",
        _mistakes(
            growth,
            (
                _grown(now, whole),
                f"You compared {days} days with a whole month. Cut {before.name} after day {days} too.",
            ),
            (
                _grown(now, average),
                f"You took {days} average days of {before.name}. Its first days are no average: weekends, fees and growth "
                "fall where they fall. Take the same days.",
            ),
        ),
        unit="%",
        watch="Somebody will say that cost fell sharply. Ask how many days stand on each side.",
    )


def due(run: Any) -> Exercise:
    """The day the largest decision is due, against counting from the month's end and against another decision."""
    from helpers import catalog
    from helpers.measures import change

    given = {"as_of": run.as_of, "currency": run.currency}
    kpis = catalog.compute(run.charges, run.notebook_id, run.month, history=2, **given, **run.companions)
    bridge = change.bridge(run.charges, run.month, **given)
    actions = run.playbook.decide(kpis, extra=catalog.causes(bridge), **given)
    first = actions[0] if actions else None
    return Exercise(
        7,
        "What do we do, and by when?",
        5,
        f"The playbook calls for this decision: “{first.title}”. By which day must its owner, {first.owner}, have acted?"
        if first
        else "The playbook calls for no decision this month.",
        "The playbook gives each decision a number of days. They run from the day of the report, not from the month’s end.",
        "date",
        first.due if first else None,
        f"Put it into that person’s diary with what is at stake: {_stake(first)}."
        if first
        else "Every rule of the playbook is met, so there is no date to find. Enjoy it.",
        _mistakes(
            first.due,
            (
                first.due - run.as_of + run.month.plus(1).start.date() - timedelta(days=1),
                f"You counted from the end of {run.month.name}. The days run from the day of the report, {_day(run.as_of)}.",
            ),
            *(
                (
                    other.due,
                    f"That is the date of “{other.title}”. Read the line of the decision that is asked for.",
                )
                for other in actions[1:]
                if other.due != first.due
            ),
        )
        if first
        else (),
        watch="A decision without a name and a day is a wish. Let each take one home: who, what, by when?",
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


def _grown(now: Decimal, before: Decimal) -> Decimal:
    return CONTEXT.subtract(ratio(now, before), Decimal(1))


def _signed(amount: Decimal) -> str:
    return f"{amount:+,.2f}".replace("-", "−")


def _stake(action: Any) -> str:
    return (
        f"{action.value:,.2f} {action.currency} a month"
        if action.value is not None
        else "no amount, but the rule"
    )


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _saved(paid: Decimal, full: Decimal) -> Decimal:
    return CONTEXT.subtract(Decimal(1), ratio(paid, full))


def _mistakes(solution: Any, *ways: tuple[Any, str]) -> tuple[Mistake, ...]:
    """The wrong ways that give a wrong answer on these data: some coincide with the right one by chance."""
    return tuple(
        Mistake(answer, why)
        for answer, why in ways
        if answer is not None and answer != solution and not (isinstance(answer, Decimal) and answer.is_nan())
    )


EXERCISES = (total, savings, coverage, owners, cause, equal_days, due)
