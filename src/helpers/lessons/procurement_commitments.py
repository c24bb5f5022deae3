"""Procurement's commitments: what lapsed, what lies idle, how long one is bound, and what the wrong order costs.

Each function takes the run at hand and gives one `Exercise`; solutions and usual mistakes are computed from the run's own
charges. The mistakes are those of tools in use (docs/procurement.md): purchases counted beside usage, unused commitment counted
as saved, the plan made before the schedule.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from helpers.catalog.procurement import Procurement
from helpers.lessons.exercises import Exercise, Mistake
from helpers.models.holdings import break_even
from helpers.terms.money import CONTEXT, ratio
from helpers.terms.money import total as add

CENT = Decimal("0.01")
NONE = "No commitment stands in these charges, so there is nothing to ask."


def lapsed(run: Any) -> Exercise:
    """What the dearest lapse costs a month, against the commitment's own cost and the on-demand price."""
    page = _page(run)
    ended = [h for h in page.held if h.verdict == "lapsed"]
    one = max(ended, key=lambda h: h.stake, default=None)
    right = None if one is None else one.stake
    running = page._running[one.id] if one else Decimal(0)
    return Exercise(
        1,
        "What does the end cost?",
        10,
        f"{one.name} ended on {one.end:%Y-%m-%d}. What it covered in its last whole month and nothing covers since now runs on demand "
        f"for {_money(running)} {run.currency} a month. How much more is that a month than with the commitment, which cost "
        f"{_percent(one.rate)} of the price without it?"
        if one
        else "Which ended commitment costs most?",
        "The commitment would have covered the same use at its own price: only the difference is lost.",
        "money",
        right,
        "Each day until it is bought again costs a thirtieth of it."
        if one
        else "No commitment ended without another in its place.",
        _mistakes(
            right,
            (
                running.quantize(CENT),
                "That is all that runs on demand. With the commitment it would have cost something too.",
            ),
            (
                CONTEXT.multiply(running, one.rate).quantize(CENT) if one else Decimal(0),
                "That is what it would cost with the commitment. What is lost is the rest.",
            ),
            (
                CONTEXT.subtract(ratio(running, one.rate), running).quantize(CENT)
                if one and one.rate
                else Decimal(0),
                "You divided by the commitment's price. Its rate is a share of the price without it: take one minus it.",
            ),
        ),
        unit=run.currency,
        watch="Ask who would have noticed, and from which page. A lapse shows in no bill as a line of its own.",
    )


def used(run: Any) -> Exercise:
    """Utilisation in money, against waste and against counting purchases too."""
    page = _page(run)
    active = page.active
    committed, unused = add(h.monthly for h in active), add(h.unused for h in active)
    right = 1 - ratio(unused, committed) if committed else None
    rows = page.book[page.book["period"] == str(run.month)].to_dict("records")
    billed = add(r["billed"] for r in rows if r["currency"] == run.currency)
    return Exercise(
        2,
        "How much of it is used?",
        5,
        f"Commitments that still run cost {_money(committed)} {run.currency} in {run.month.title}; {_money(unused)} of it nobody used. "
        "Which share is used?"
        if active
        else "Which share of commitments is used?",
        "Effective cost of what was used ÷ effective cost of used and unused.",
        "percent",
        right,
        "What is unused is paid like the rest; it only says nobody’s name." if active else NONE,
        _mistakes(
            right,
            (ratio(unused, committed), "That is the share that is wasted. The question is for the rest."),
            (
                ratio(committed - unused, add([committed, billed])),
                "You counted the purchases beside the usage that they pay for. They say the same money twice.",
            ),
            (
                ratio(add(h.worth for h in active), add([*(h.worth for h in active), unused])),
                "You took what the use would cost without a commitment. Use is measured in what was committed.",
            ),
        )
        if right is not None
        else (),
        unit="%",
        watch="Somebody will be happy with a high share of one commitment while a small one lies idle. Ask for the sum in money.",
    )


def bound(run: Any) -> Exercise:
    """Lock-in in months a committed unit of money, against the plain mean and the last end."""
    page = _page(run)
    known = [h for h in page.active if not h.months_left.is_nan()]
    right = page.lock.committed
    right = None if right.is_nan() else right.quantize(CENT)
    mean = ratio(add(h.months_left for h in known), len(known)) if known else Decimal(0)
    last = max((h.months_left for h in known), default=Decimal(0))
    return Exercise(
        3,
        "For how long are we bound?",
        10,
        "For how many months is a committed unit of money locked in, on average over the commitments that run (months left, each "
        "weighted by what it costs a month)?",
        "Cost a month × months left, added up, ÷ the sum of costs a month.",
        "money",
        right,
        "The loss if demand goes is this length times what goes: short terms are worth part of the discount."
        if known
        else NONE,
        _mistakes(
            right,
            (
                mean.quantize(CENT),
                "That is the mean of the commitments, each counting once. A large one binds more than a small one.",
            ),
            (last.quantize(CENT), "That is the longest. Most of the money may be free long before."),
            (
                page.lock.usage.quantize(CENT) if not page.lock.usage.is_nan() else Decimal(0),
                "You divided by all usage that could be covered: that is the other form, which falls where little is covered.",
            ),
        )
        if known
        else (),
        unit="months",
        watch="Two people will get two numbers, both right: months a unit committed, months a unit of usage. Let them say which.",
    )


def rate(run: Any) -> Exercise:
    """Effective savings rate of commitments, against counting purchases and against the unused as saved."""
    from helpers import measures
    from helpers.measures import rows, savings

    charges = measures.month(run.charges, run.month)
    charges = charges.filter(charges.BillingCurrency == run.currency)
    key = "effective-savings-rate-percentage:commitments"
    found = measures.evaluate([savings.commitments_only(charges)])
    right: Any = found[key][0] if len(found) else Decimal("NaN")
    reach = (rows.used(charges) | rows.eligible(charges)) & charges.ContractedCost.notnull()
    bought = (charges.ChargeCategory == "Purchase") & charges.CommitmentDiscountId.notnull()
    sums = charges.aggregate(
        paid=charges.EffectiveCost.sum(where=reach), worth=charges.ContractedCost.sum(where=reach),
        unused=charges.EffectiveCost.sum(where=rows.unused(charges)), billed=charges.BilledCost.sum(where=bought),
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    paid, worth, unused, billed = (sums[n] or Decimal(0) for n in ("paid", "worth", "unused", "billed"))
    known = not right.is_nan()
    return Exercise(
        4,
        "What do commitments save?",
        10,
        f"Usage of {run.month.title} that commitments cover or could cover would cost {_money(worth)} {run.currency} without them. Its "
        f"effective cost is {_money(paid)}, and {_money(unused)} of commitment lay unused. What is the effective savings rate of "
        "commitments?",
        "1 − (effective cost + unused) ÷ cost without commitments. Purchases stand nowhere.",
        "percent",
        right if known else None,
        "The same rate over list price would hold the contract’s discount too: name which one you mean."
        if known
        else "Nothing here could be covered by a commitment.",
        _mistakes(
            right if known else None,
            (1 - ratio(paid, worth), "You left the unused commitment out. It is paid for and saves nothing."),
            (
                1 - ratio(add([paid, unused]), add([worth, unused])),
                "You gave the unused part a price without commitment too. Nothing ran there, so nothing was saved.",
            ),
            (
                1 - ratio(add([paid, unused, billed]), worth),
                "You added the purchases. Usage already carries what they cost, day by day.",
            ),
        )
        if known
        else (),
        unit="%",
        watch="Open issue FOCUS_Spec 974 on the wall: purchase and usage rows both carry list cost, and tools count both.",
    )


def order(run: Any) -> Exercise:
    """What committing first loses, against what it saves and against the other order."""
    page = _page(run)
    by = {o.order: o for o in page.orders}
    there = bool(page.loads) and by["nothing"].cost != by["joint"].cost
    right = by["commit-less"].cost - by["joint"].cost if there else None
    return Exercise(
        5,
        "What does the order cost?",
        5,
        f"Commitments bought first and less used afterwards cost {_money(by['commit-less'].cost)} {run.currency} over twelve months; both "
        f"planned together {_money(by['joint'].cost)}; doing nothing {_money(by['nothing'].cost)}. What does buying first lose?"
        if there
        else "What does the order of planning cost?",
        "Compare it with the plan that knows both, not with doing nothing.",
        "money",
        right,
        "What was bought for hours that are switched off later is paid to its end."
        if there
        else "Nothing here could be committed to.",
        _mistakes(
            right,
            (
                by["nothing"].cost - by["commit-less"].cost,
                "That is what it saves against doing nothing. It still saves, only less than it could.",
            ),
            (
                by["commit"].cost - by["joint"].cost,
                "That is what only committing loses. Here less is used afterwards.",
            ),
            (by["less"].cost - by["joint"].cost, "That is what using less without any commitment loses."),
        )
        if there
        else (),
        unit=run.currency,
        watch="Ask which of the two teams would have to wait for the other, and for how long.",
    )


def even(run: Any) -> Exercise:
    """Break-even of the largest purchase, against the discount and the term."""
    page = _page(run)
    one = page.purchases[0] if page.purchases else None
    right = None if one is None else break_even(one["rate"], one["term_months"]).quantize(CENT)
    return Exercise(
        6,
        "When has it paid?",
        5,
        f"{one['what']} costs {_percent(one['rate'])} of the price without it, for {one['term_months']} months. After how many months of full "
        "use would it have cost no more than none, even if demand ended then?"
        if one
        else "When has a commitment paid?",
        "The whole term is owed. Divide it by the price of a month without it.",
        "money",
        right,
        "The same share of hours must be used over the whole term for it to be worth buying."
        if one
        else "Nothing is proposed to be bought.",
        _mistakes(
            right,
            (
                CONTEXT.multiply(1 - one["rate"], Decimal(one["term_months"])).quantize(CENT)
                if one
                else Decimal(0),
                "You took the discount. What must be earned back is what is owed, not what is saved.",
            ),
            (
                Decimal(one["term_months"]) if one else Decimal(0),
                "At the end of the term it has long paid: each month saves.",
            ),
        ),
        unit="months",
        watch="Ask for the largest discount at which somebody would still not sign for three years, and why.",
    )


def budget(run: Any) -> Exercise:
    """The vendor most of whose promise falls into another budget year, against the others."""
    page = _page(run)
    rows = page.off_budget.to_dict("records")
    others = [
        r["vendor"] for r in page.agreements.to_dict("records") if rows and r["vendor"] != rows[0]["vendor"]
    ]
    names = list(dict.fromkeys([*(r["vendor"] for r in rows), *others]))
    there = len(names) > 1 and bool(rows)
    return Exercise(
        7,
        "Whose money is in the wrong year?",
        5,
        f"The budget year begins in month {page.year_starts}. Of which vendor’s promised amount for a year does most fall into the budget "
        "year after the one in which the contract’s year begins?"
        if there
        else "Whose term does not fit the budget year?",
        "Count the months from the contract’s anniversary to the next budget year; what is left of twelve falls behind it.",
        "choice",
        rows[0]["vendor"] if there else None,
        f"Of {_money(rows[0]['year'])} a year {_money(rows[0]['next'])} belongs to the next budget."
        if there
        else "These data hold no contract with a promise, or no budget that says when its year begins.",
        tuple(
            Mistake(
                r["vendor"],
                f"Of {r['vendor']}’s year {_money(r['next'])} falls behind the budget year’s end: less.",
            )
            for r in rows[1:]
        )
        + tuple(
            Mistake(n, f"{n}’s year begins with the budget year, or promises nothing that is known.")
            for n in names
            if n not in {r["vendor"] for r in rows}
        )
        if there
        else (),
        choices=tuple(sorted(names)) if there else (),
        watch="The payment may be right and the budget line wrong. Ask finance which of the two can be moved.",
    )


def shared(run: Any) -> Exercise:
    """What the department that uses most would get from a pool, against what it has and the saving alone."""
    page = _page(run)
    rows = page.benefit.to_dict("records")
    as_used = [r for r in rows if r["way"] == "used"]
    top: dict[str, Any] = max(
        as_used, key=lambda r: (r["net"], r["department"]), default={"net": Decimal(0), "department": ""}
    )
    there = any(r["saving"] or r["unused"] for r in rows)
    pooled = next(
        (r for r in rows if there and r["way"] == "pooled" and r["department"] == top["department"]), None
    )
    right = pooled["net"] if pooled else None
    name = top["department"] or "nobody by name"
    return Exercise(
        8,
        "Who gets it?",
        5,
        f"{name} gets most of the commitments’ net benefit as it is used. How much, in {run.currency}, would it get if the benefit of each "
        "provider were pooled: shared by usage that commitments cover or could cover, unused cost included?"
        if there
        else "Who gets the benefit of commitments?",
        "Saving and unused cost of each provider, times the department’s share of that provider’s eligible usage. Add up its providers.",
        "money",
        right,
        "The company’s sum is the same in each way; only the sign on somebody’s page differs."
        if there
        else NONE,
        _mistakes(
            right,
            (
                top["net"] if there else Decimal(0),
                "That is what it gets as used. Pooled, others who could be covered get their part.",
            ),
            (
                pooled["saving"] if pooled else Decimal(0),
                "You left its part of the unused cost out. A pool shares both.",
            ),
            (
                add(r["net"] for r in rows if r["way"] == "pooled"),
                "That is the whole company’s benefit.",
            ),
        )
        if there
        else (),
        unit=run.currency,
        watch="Let the one who bought and the one who used argue. Neither is wrong: the way must be agreed before the result is known.",
    )


def _page(run: Any) -> Procurement:
    """The run's page, taken once for all exercises."""
    if not _LAST or _LAST[0] is not run:
        _LAST[:] = [run, Procurement(run)]
    return _LAST[1]


_LAST: list[Any] = []


def _money(value: Decimal) -> str:
    return f"{value:,.2f}".replace("-", "−")


def _percent(share: Decimal) -> str:
    return f"{share * 100:.1f} %"


def _mistakes(right: Decimal | None, *pairs: tuple[Decimal, str]) -> tuple[Mistake, ...]:
    """Usual wrong answers that differ from the right one, and from each other, by enough to be told apart."""
    kept: list[Mistake] = []
    for wrong, why in pairs:
        apart = (
            right is not None and not wrong.is_nan() and abs(wrong - right) > max(abs(right) / 100, CENT / 10)
        )
        if apart and all(abs(wrong - m.answer) > CENT / 10 for m in kept if isinstance(m.answer, Decimal)):
            kept.append(Mistake(wrong, why))
    return tuple(kept)


EXERCISES = (lapsed, used, bound, rate, order, even, budget, shared)
