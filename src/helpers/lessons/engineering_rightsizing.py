"""Engineering's month: what looks idle and is not, what is too large, and what became of last time's promises.

Each function takes the run at hand and gives one `Exercise`; solutions and usual mistakes are computed from the run's own
charges and hours. The mistakes are those of tools in use (docs/rightsizing.md): averages instead of peaks, savings before
commitments, promises counted as savings.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from helpers.catalog import engineering
from helpers.lessons.exercises import Exercise, Mistake
from helpers.terms.money import CONTEXT, ratio
from helpers.terms.money import total as add

CENT = Decimal("0.01")
NO_HOURS = (
    "These data hold no hourly use, so nothing is known about what machines did: “finops ingest” takes it."
)


def idle(run: Any) -> Exercise:
    """What idle machines save, against the average's answer and against counting what must stay."""
    found = _found(run)
    machines = [a for a in found.found.advice if a.kind == "idle machine"]
    right = add(a.saving for a in machines)
    mean = add(
        _effective(found, r)
        for r, use in found.review.uses.items()
        if use["cpu_hours"] and use["cpu_average"] < 5
    ).quantize(CENT)
    kept = right + add(h["cost"] for h in found.found.held)
    known = bool(machines)
    return Exercise(
        1,
        "What does nothing?",
        10,
        f"Which effective cost of {run.month.title}, in {run.currency}, would end if all machines were removed that did no work "
        "in any measured hour?",
        "Idle means every hour, not on average: one busy day a quarter is a drill, a few days a month close the books. Add up "
        "the lines “idle machine” of the list of advice.",
        "money",
        right if known else None,
        "Stop them for a week before you remove them: whoever needs one will call."
        if known
        else (NO_HOURS if not found.review.uses else "No machine was idle in every hour: nothing to remove."),
        _mistakes(
            right,
            (
                mean,
                "You took all machines whose average is low. An average hides the day on which a machine is needed: look at "
                "the highest hour.",
            ),
            (
                kept,
                "You counted what is left alone for a reason as well: a season ahead, a standby, a hold. The list below the "
                "page says which.",
            ),
            (
                add([right, *(a.saving for a in found.found.advice if a.kind == "oversized machine")]),
                "You added the oversized machines. They work; they need a smaller size, not an end.",
            ),
        ),
        unit=run.currency,
        watch="Ask for the machine with the lowest average that must not be stopped, and how one would know.",
    )


def larger(run: Any) -> Exercise:
    """Use of the smaller machine at the 99.9th percentile, against today's and against the 95th."""
    found = _found(run)
    one = next((a for a in found.found.advice if a.kind == "oversized machine"), None)
    use = found.review.uses.get(one.resource_id) if one else None
    right = None if one is None else _share(one.p999)
    return Exercise(
        2,
        "How full would the smaller one be?",
        10,
        f"{one.name} runs on {one.now}. How full would the processors of {one.candidate} have been in the busiest thousandth "
        "of the measured hours (99.9th percentile)?"
        if one
        else "Which machine is too large by its measured use?",
        "Half as many processors are twice as full. Begin with today's 99.9th percentile, not with the average.",
        "percent",
        right,
        "What is left to 100 % is the room for what the measured hours did not hold, such as a season."
        if one
        else (NO_HOURS if not found.review.uses else "No machine is too large by its measured use."),
        _mistakes(
            right,
            (
                _share(use["cpu_p999"]),
                "That is today's machine. The same work fills a smaller one more: divide by its share of processors.",
            ),
            (
                _share(one.p95),
                "That is the 95th percentile: one hour in twenty is fuller, more than an hour each day.",
            ),
            (
                _share(use["cpu_average"] * one.p999 / use["cpu_p999"]),
                "You began with the average; people wait in the busy hours.",
            ),
        )
        if one and use
        else (),
        unit="%",
        watch="Two people will differ by a factor of two. Let them say which machine each percentage is of.",
    )


def asleep(run: Any) -> Exercise:
    """Share of hours that the proposed week is off, against weekends and against nights alone."""
    found = _found(run)
    plan = found.review.best_plan
    right = None if plan is None else plan.share
    weekend = ratio(Decimal(2), Decimal(7))
    nights = None
    if plan is not None:
        longest = max((sum(b - a for a, b in day) for day in plan.week.on), default=0)
        nights = 1 - ratio(Decimal(longest), Decimal(96))
    return Exercise(
        3,
        "How long does it sleep?",
        5,
        f"The page proposes a week for {plan.name}. Over the measured hours, which share of the time would it have been off?"
        if plan
        else "Which machine is quiet by habit?",
        "Nights and weekends count both. The replay over the measured hours is exact; a usual week comes close.",
        "percent",
        right,
        "What is switched off at night saves most where it is charged by the hour and no commitment covers it."
        if plan
        else (NO_HOURS if not found.review.uses else "No machine is quiet in the same hours of every week."),
        _mistakes(
            right,
            (weekend, "That is the weekend alone. On working days it sleeps at night too."),
            (
                nights or Decimal(0),
                "Those are the nights of a working day. The days on which it is off all day come on top.",
            ),
        )
        if plan
        else (),
        unit="%",
        watch="Ask what happens to a machine that somebody starts by hand on Saturday: it stays on until the next event.",
    )


def covered(run: Any) -> Exercise:
    """What halving a machine under a commitment really saves."""
    from helpers.models.advice import Left

    found = _found(run)
    lines = [
        r
        for r in found.lines.to_dict("records")
        if (r["covered_contracted"] or 0) > 0 and r["category"] == "Compute"
    ]
    one = max(lines, key=lambda r: (r["covered_contracted"], str(r["resource_id"])), default=None)
    if one is None:
        right, half, gross = None, Decimal(0), Decimal(0)
    else:
        plain = add([one["on_demand"] or 0, one["spot"] or 0])
        right = Left(plain, one["covered_contracted"]).cut(Decimal("0.5"))[0].quantize(CENT)
        half = ratio(one["effective"], 2).quantize(CENT)
        gross = ratio(add([plain, one["covered_contracted"]]), 2).quantize(CENT)
    return Exercise(
        4,
        "Saved, or only moved?",
        10,
        f"A commitment covers most of {one['name']}: of its use {_money(one['covered_contracted'])} {run.currency} at prices without "
        f"it is covered, {_money(add([one['on_demand'] or 0, one['spot'] or 0]))} is not. Half of that use ends. By how much does "
        "effective cost fall in such a month, while the commitment runs?"
        if one
        else "What does a machine under a commitment save when it ends?",
        "The commitment is paid either way. What it no longer covers here is what is not covered today, up to half of the whole.",
        "money",
        right,
        "The rest is saved when the commitment ends, or when other work takes it over: tell whoever owns the commitment."
        if one
        else "No machine of this month is covered by a commitment.",
        _mistakes(
            right,
            (
                half,
                "That is half of its effective cost. The covered part goes on being paid; it only becomes unused commitment.",
            ),
            (
                gross,
                "That is half of the use at prices without the commitment: what a tool shows that looks at list or contract prices.",
            ),
        ),
        unit=run.currency,
        watch="Somebody will say that the saving is real because the machine is smaller. Ask who pays the commitment next month.",
    )


def ruled(run: Any) -> Exercise:
    """What the best next rule gives an owner to, against all that has none."""
    found = _found(run)
    rules = found.owners.next_rules().to_dict("records")
    whole = add(r["amount"] for r in found.owners.coverage().to_dict("records") if r["rule"] == "no rule")
    right = rules[0]["amount"].quantize(CENT) if rules else None
    return Exercise(
        5,
        "One rule more",
        5,
        f"Some cost of {run.month.title} has no owner by any rule. To how much of it, in {run.currency}, would the one rule give an "
        "owner that adds most?",
        "Group what has no owner by tag, account and service; take the group with most cost. Usage and purchases count.",
        "money",
        right,
        f"It is {rules[0]['match_on']} = {rules[0]['match_value']}: one line in allocation.csv, once somebody says whose it is."
        if rules
        else "Every cost has an owner by a rule.",
        _mistakes(
            right,
            (whole.quantize(CENT), "That is everything without an owner. One rule looks at one thing only."),
            *(
                (
                    r["amount"].quantize(CENT),
                    f"That is what {r['match_on']} = {r['match_value']} adds after it. Take the first.",
                )
                for r in rules[1:2]
            ),
            (
                add(r["amount"] for r in rules).quantize(CENT),
                "That is all proposed rules together; the question is for one.",
            ),
        )
        if rules
        else (),
        unit=run.currency,
        watch="Who asks for a tag on each resource first? One line for the account does more, today.",
    )


def promised(run: Any) -> Exercise:
    """The promise that missed most, against the dearest open one and the oldest."""
    found = _found(run)
    every = found.promises.to_dict("records")
    done = [r for r in every if r["realised"] is not None]
    worst = max(done, key=lambda r: (r["promised"] - r["realised"], r["name"]), default=None)
    others = [r for r in every if worst and r["name"] != worst["name"]]
    return Exercise(
        6,
        "What became of it?",
        5,
        "Of the actions marked done, which missed its promise by most, comparing whole months of charges before and after?",
        "Take promised less seen for each done action. A cost that rose makes the miss larger.",
        "choice",
        worst["name"] if worst and others else None,
        f"Promised {_money(worst['promised'])}, seen {_money(worst['realised'])} a month. It is open again until the charges move."
        if worst
        else "These data hold no list of actions that are done: “actions.csv” takes one.",
        tuple(
            Mistake(
                r["name"],
                f"{r['name']} promised {_money(r['promised'])} and {_money(r['realised'])} was seen: it missed by less."
                if r["realised"] is not None
                else f"{r['name']} is still open, so nothing can have been seen yet.",
            )
            for r in others
        ),
        choices=tuple(sorted(r["name"] for r in every)),
        watch="“Done” is a word in a list; the charge is a fact. Ask who looked at the charge after closing the action.",
    )


def ten(run: Any) -> Exercise:
    """What ten milliseconds cost, against the whole saving and against the saving spread over the answer."""
    found = _found(run)
    rows = [r for r in found.speed.to_dict("records") if r["ten_ms"] is not None]
    one = rows[0] if rows else None
    right = one["ten_ms"] if one else None
    return Exercise(
        7,
        "What do ten milliseconds cost?",
        10,
        f"On {one['now']} an answer of {one['name']} takes {one['before']} ms in its busy hours, on {one['candidate']} it would take "
        f"{one['after']} ms; the smaller one saves {_money(one['saving'])} {run.currency} a month. What does keeping ten of these "
        "milliseconds cost a month?"
        if one
        else "What does speed cost?",
        "Divide the saving by the milliseconds that would be lost, then take ten of them.",
        "money",
        right,
        "Ask the product's people whether they would pay it. The times are modelled: a load test decides."
        if one
        else "No machine that is measured would become slower by a smaller size.",
        _mistakes(
            right,
            (one["saving"], "That is the price of all milliseconds that would be lost, not of ten."),
            (
                CONTEXT.divide(CONTEXT.multiply(one["saving"], Decimal(10)), one["before"]).quantize(CENT),
                "You divided by the whole answer. Only the milliseconds that are lost are for sale.",
            ),
        )
        if one
        else (),
        unit=run.currency,
        watch="Ask what the service level asks for before anybody argues about ten milliseconds.",
    )


def index(run: Any) -> Exercise:
    """The optimisation index, against its complement and against counting what is not certain."""
    found = _found(run)
    spent = found.owners.whole
    right = 1 - ratio(found.found.saving, spent)
    unsure = add(a.saving for a in found.found.possible)
    known = bool(found.found.advice) and not right.is_nan()
    return Exercise(
        8,
        "How much is left to do?",
        5,
        f"Which share of {run.month.title}'s effective cost of usage and purchases would be left if all advice that counts were "
        "followed (the cost optimization index)?",
        "1 − possible saving ÷ effective cost of usage and purchases without corrections.",
        "percent",
        right if known else None,
        "The saving counts each resource once: removed before resized, resized before switched off."
        if known
        else "There is no advice this month, so the index says nothing.",
        _mistakes(
            right,
            (
                ratio(found.found.saving, spent),
                "That is the share that could be saved. The index is what would be left.",
            ),
            (
                1 - ratio(add([found.found.saving, unsure]), spent),
                "You counted what waits for a measurement or a test. It is listed, and not promised.",
            ),
            (
                1 - ratio(add(a.cost for a in found.found.advice), spent),
                "You took the whole cost of the resources. A smaller machine still costs something.",
            ),
        ),
        unit="%",
        watch="Two tools that look at the same machine save it twice. Ask how the total was kept from counting it twice.",
    )


def _found(run: Any) -> Any:
    """The run's review, taken once for all exercises of a page."""
    if not _LAST or _LAST[0] is not run:
        _LAST[:] = [run, engineering.review(run)]
    return _LAST[1]


_LAST: list[Any] = []


def _effective(found: Any, resource: str) -> Decimal:
    mine = found.lines[found.lines["resource_id"] == resource]
    return add(v for v in mine["effective"])


def _share(percent: float) -> Decimal:
    return Decimal(str(round(percent / 100, 6)))


def _money(value: Decimal) -> str:
    return f"{value:,.2f}".replace("-", "−")


def _mistakes(right: Decimal | None, *pairs: tuple[Decimal, str]) -> tuple[Mistake, ...]:
    """Usual wrong answers that differ from the right one, and from each other, by enough to be told apart."""
    kept: list[Mistake] = []
    for wrong, why in pairs:
        apart = right is not None and not wrong.is_nan() and abs(wrong - right) > abs(right) / 100
        if apart and all(abs(wrong - m.answer) > CENT / 10 for m in kept if isinstance(m.answer, Decimal)):
            kept.append(Mistake(wrong, why))
    return tuple(kept)


EXERCISES = (idle, larger, asleep, covered, ruled, promised, ten, index)
