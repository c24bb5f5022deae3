"""Engineering's anomalies: what is above the expected, since when, why, and what was only thought to be wrong.

Each function takes the run at hand and gives one `Exercise`; solutions and usual mistakes are computed from the run's own
charges. The mistakes are those of alarms in use (docs/anomalies.md): the whole cost taken for the excess, the month's first
day for the incident's, a known event for an anomaly.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from helpers.catalog import anomalies
from helpers.lessons.exercises import Exercise, Mistake
from helpers.terms.money import ratio
from helpers.terms.money import total as add

CENT = Decimal("0.01")
CALM = "No cost of this month stood out, so there is nothing to ask: choose another month."
CAUSES = {
    "volume": "more was used of the same thing at the same price",
    "price": "the price of the same thing rose",
    "commitment": "a commitment covers less of it than before",
    "new": "something runs that did not run before",
}


def above(run: Any) -> Exercise:
    """The excess of the dearest alarm, against its whole cost, all alarms, and all its months."""
    found = _found(run)
    one = _first(found)
    right = None if one is None else found.in_month(one)
    return Exercise(
        1,
        "How much too much?",
        10,
        f"{one.name} is the dearest alarm of {run.month.title}. How much more than expected did it cost in that month, in "
        f"{run.currency}?"
        if one
        else "Which cost stood out?",
        "Only what lies above the expected counts, and only the days of the month. The table has it.",
        "money",
        right,
        "The excess is what could have been saved; the rest would have been spent anyway." if one else CALM,
        _mistakes(
            right,
            (one.excess, "That is the excess of all its days, also of other months."),
            (one.actual, "That is all it cost. What it usually costs is no surprise."),
            (add(found.in_month(i) for i in found.alarms), "That is all alarms of the month together."),
            (one.month_more, "That is what another month like its last week would cost more."),
        )
        if one
        else (),
        unit=run.currency,
        watch="Ask what the expected is made of: the same weekday's usual level of two weeks, not last month's total.",
    )


def since(run: Any) -> Exercise:
    """The first day of the dearest alarm, against the month's first and the last day."""
    one = _first(_found(run))
    wrong: list[Mistake] = []
    if one is not None:
        for day, why in (
            (run.month.start.date(), "That is the first day of the month. Reports by month hide when something began: look at the days."),
            (one.end, "That is its last day so far. Whoever looks for the cause needs the first."),
            (one.seen, "That is the day of the alert. The cost was above its limit before."),
        ):  # fmt: skip
            if day != one.start and all(day != m.answer for m in wrong):
                wrong.append(Mistake(day, why))
    return Exercise(
        2,
        "Since when?",
        5,
        f"On which day did {one.name} leave what was expected?" if one else "When did it begin?",
        "The first day on which the line leaves the grey band. What was released, bought or opened on that day?",
        "date",
        None if one is None else one.start,
        "With the day you can ask one question instead of ten: who did what on that day?" if one else CALM,
        tuple(wrong),
        watch="Somebody will name the day of the invoice. Ask what could still be stopped by then.",
    )


def goes_on(run: Any) -> Exercise:
    """A month more like the last week, against the month so far and the whole excess."""
    found = _found(run)
    one = next((i for i in found.alarms if i.lasts), None)
    right = None if one is None else one.month_more
    return Exercise(
        3,
        "And if nobody acts?",
        5,
        f"{one.name} goes on. What would another month like its last week cost more than expected, in {run.currency}?"
        if one
        else "What would another month cost?",
        "Mean excess of a day over its last seven days, times 365 ÷ 12 days.",
        "money",
        right,
        "This is the number to take to whoever could stop it."
        if one
        else "No alarm of this month goes on: nothing to stop.",
        _mistakes(
            right,
            (found.in_month(one), "That is what it cost in this month. It did not run, or not as much, on all of its days."),
            (one.excess, "That is what it has cost so far: it is spent."),
            ((one.daily * 7).quantize(CENT), "That is one week."),
        )
        if one
        else (),
        unit=run.currency,
        watch="Ask who may stop something whose owner is not known, and write the name down.",
    )  # fmt: skip


def meant(run: Any) -> Exercise:
    """What known events explain, against everything and against the largest event."""
    found = _found(run)
    known = found.expected
    right = add(found.in_month(i) for i in known) if known else None
    return Exercise(
        4,
        "What was meant?",
        5,
        f"How much of {run.month.title}'s cost above the usual do known events explain, in {run.currency}?",
        "The list of what was left quiet: those with the reason of a launch, a season, a price or a commitment's end.",
        "money",
        right,
        "It costs as much as the alarms do; it only needs no ticket. Does the event pay for it?"
        if known
        else "No known event moved this month's cost.",
        _mistakes(
            right,
            (
                add(found.in_month(i) for i in found.found.of(found.month)),
                "You added the alarms. They are what no event explains.",
            ),
            (
                found.in_month(known[0]),
                f"That is {known[0].name} alone; there are others."
                if len(known) > 1
                else "That is one of them.",
            ),
            (add(found.in_month(i) for i in found.alarms), "Those are the alarms: what no event explains."),
            (
                add(i.actual for i in known),
                "That is everything these cost. The event explains only what lies above the usual.",
            ),
        )
        if known
        else (),
        unit=run.currency,
        watch="Let two people argue whether a launch that was planned and cost twice its plan is an anomaly.",
    )


def why(run: Any) -> Exercise:
    """The largest part of the dearest alarm's cause."""
    one = _first(_found(run))
    right = None if one is None else one.cause.main
    return Exercise(
        5,
        "Price, volume or something else?",
        5,
        f"What made {one.name} cost more?" if one else "What made it cost more?",
        "The bridge from the expected to the actual cost: the largest step. Compare quantity and price of the days before.",
        "choice",
        right,
        f"{CAUSES[right].capitalize()}: ask whoever can change that, and nobody else." if right else CALM,
        tuple(
            Mistake(k, f"Then {text}. Look at the bridge: that step is {'small' if one.cause.parts.get(k) else 'nothing'} here.")
            for k, text in CAUSES.items()
            if right and k != right and one is not None
        ),
        choices=tuple(CAUSES) if right else (),
        watch="Each answer asks another person: a team, a vendor, whoever buys commitments, or security.",
    )  # fmt: skip


def share(run: Any) -> Exercise:
    """KPI 5 as a share of cost, against known events in it and against the whole cost of the places."""
    found = _found(run)
    one = _kpi(run, found)
    spent = one.sums.get("cost") if one is not None and one.value is not None else None
    right = one.value if one is not None and spent and found.alarms else None
    spent = spent or Decimal(0)
    alarms = add(found.in_month(i) for i in found.alarms)
    return Exercise(
        6,
        "A detection rate that is none",
        10,
        f"The library's Anomaly Detection Rate is the excess of alarms ÷ effective cost. What is it in {run.month.title}?",
        "Excess of the month's alarms ÷ effective cost of usage and purchases without corrections.",
        "percent",
        right,
        "A detector that sees nothing would score zero, the best there is. Ask for precision and recall as well."
        if right is not None
        else CALM,
        _mistakes(
            right,
            (
                ratio(alarms + add(found.in_month(i) for i in found.expected), spent),
                "You counted what known events explain.",
            ),
            (
                ratio(add(i.actual for i in found.alarms), spent),
                "You took all that these places cost, since they began. Only what lies above the expected is anomalous.",
            ),
            (
                ratio(Decimal(len(found.alarms)), Decimal(max(len(found.found.of(found.month)), 1))),
                "That is the share of incidents that alarm, not of money.",
            ),
            (1 - (right or Decimal(0)), "That is the rest: what was as expected."),
        )
        if right is not None
        else (),
        unit="%",
        watch="Ask what a team would do that is paid by this number. Then look for how many alarms were right.",
    )


def creeping(run: Any) -> Exercise:
    """The dearest cost that grows for no reason, among the month's incidents."""
    found = _found(run)
    creeps = [i for i in found.alarms if i.kind == "creep"]
    right = creeps[0].name if creeps else None
    others = {i.name: i for i in found.found.of(found.month) if i.name != right}
    return Exercise(
        7,
        "Which one never jumped?",
        5,
        "One kind of incident has no day on which it began: the cost only grows, month after month, and nothing that it serves "
        "grows so. Which is the dearest of that kind?",
        "Look below the table for “grows faster”. A new level after one day is a jump, not a creep.",
        "choice",
        right if right and len(others) >= 2 else None,
        "No daily alarm sees it: each day is as the day before. Half a year shows it."
        if right
        else "Nothing creeps in this month.",
        tuple(
            Mistake(
                name,
                f"{name} also creeps; another is dearer."
                if i.kind == "creep"
                else f"{name} left what was expected on {i.start.day} {i.start:%B}: a jump.",
            )
            for name, i in others.items()
        )
        if right and len(others) >= 2
        else (),
        choices=tuple(sorted({right, *others})) if right and len(others) >= 2 else (),
        watch="Ask how long five per cent a month takes to double a cost (about fourteen months).",
    )


def _found(run: Any) -> anomalies.Review:
    """The month's review, taken once for a run."""
    if not _LAST or _LAST[0] is not run:
        _LAST[:] = [run, anomalies.review(run)]
    return _LAST[1]


_LAST: list[Any] = []


def _first(found: anomalies.Review) -> Any:
    return found.alarms[0] if found.alarms else None


def _kpi(run: Any, found: anomalies.Review) -> Any:
    kpis = run.mine(run.kpis(**found.companions))
    return next((k for k in kpis if k.id == "anomaly-detection-rate"), None)


def _mistakes(right: Decimal | date | None, *pairs: tuple[Decimal, str]) -> tuple[Mistake, ...]:
    """Usual wrong answers that differ from the right one, and from each other, by enough to be told apart."""
    kept: list[Mistake] = []
    for wrong, text in pairs:
        apart = isinstance(right, Decimal) and not wrong.is_nan() and abs(wrong - right) > abs(right) / 100
        if apart and all(abs(wrong - m.answer) > CENT / 10 for m in kept if isinstance(m.answer, Decimal)):
            kept.append(Mistake(wrong, text))
    return tuple(kept)


EXERCISES = (above, since, goes_on, meant, why, share, creeping)
