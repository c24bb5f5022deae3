"""The sustainability lead's month: what an emission figure is made of, and what it must not be taken for.

Each function takes the run at hand and gives one `Exercise`; solutions and usual wrong ways are reckoned from the run's own
charges, use and factors.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from helpers.catalog.footprint import Footprint, footprint
from helpers.lessons.exercises import Exercise, Mistake
from helpers.terms.money import CONTEXT, NAN, ratio

D = Decimal
_HELD: dict[str, Any] = {}  # the last run's footprint: seven exercises ask for the same one


def total(run: Any) -> Exercise:
    """Tonnes of the month, against the highest end, operational alone and kilograms."""
    f = _footprint(run)
    kg = f.total()
    known = bool(kg)
    return Exercise(
        1,
        "How much is it?",
        5,
        f"How many tonnes of CO2e did {run.month.title} emit by the page’s method, location-based, power and making together? "
        "Two decimals.",
        "The headline has it rounded. carbon.total() gives kilograms; a tonne is a thousand of them.",
        "money",
        CONTEXT.divide(kg, 1000) if known else None,
        f"Say it with its range, {_tonnes(f.total('low'))} to {_tonnes(f.total('high'))}: the method knows no more."
        if known
        else "Nothing in this month has a figure.",
        _mistakes(
            CONTEXT.divide(kg, 1000),
            (CONTEXT.divide(f.total("high"), 1000), "That is the upper end of the range, where everything errs the same way. The figure is the middle one."),
            (CONTEXT.divide(f.total("operational"), 1000), "That is operational alone: the power. Making the machines belongs to it too."),
            (kg, "Those are kilograms. A tonne is a thousand of them; mixing the two is the most common error in carbon tables."),
        ),
        unit="t",
        watch="Who gave the number without its range? Ask what they would say if next year’s method moved it by a third.",
    )  # fmt: skip


def making(run: Any) -> Exercise:
    """Embodied share, against its share of operational and the second method's."""
    f = _footprint(run)
    kg, made = f.total(), f.total("embodied")
    share = ratio(made, kg)
    other = ratio(
        sum((v for v in f.second["embodied"] if v is not None), D(0)),
        sum((v for v in f.second["kg"] if v is not None), D(0)),
    )
    return Exercise(
        2,
        "Power, or making?",
        5,
        "Which share of the month’s emissions comes from making the machines rather than from their power, in percent?",
        "embodied ÷ (operational + embodied), summed over all lines.",
        "percent",
        None if share.is_nan() else share,
        "Moving to clean power cannot lower this part: only fewer, longer used machines can."
        if not share.is_nan()
        else "Nothing in this month has a figure.",
        _mistakes(
            share,
            (ratio(made, f.total("operational")), "You divided by the operational part. A share is taken of the whole, both together."),
            (other, "That is the second method’s share: it spreads the making over six years instead of four, and counts the parts apart."),
            (1 - share, "That is the operational share: the power. The question asks for the other part."),
        ),
        unit="%",
        watch="People expect power to be all of it. Ask what happens to this share when the grid gets cleaner.",
    )  # fmt: skip


def idle(run: Any) -> Exercise:
    """The idle machine that emits most, against the one that costs most and the largest emitter of all."""
    f = _footprint(run)
    rows = f.candidates[f.candidates["measure"] == "idle"].to_dict("records")
    ran = [r for r in f.now.to_dict("records") if r["kind"] == "compute" and r["kg"]]
    first = max(rows, key=lambda r: (r["carbon"], str(r["name"])), default=None)
    smallest = min(rows, key=lambda r: (r["carbon"], str(r["name"])), default=None)
    big = max(ran, key=lambda r: (r["kg"], str(r["name"])), default=None)
    names = {str(r["name"]) for r in [*rows, *([big] if big else [])]}
    return Exercise(
        3,
        "What emits for nothing?",
        5,
        "Of the machines that did nothing in every hour measured, which one emits most in the month?",
        "Look at the measure idle in carbon.candidates: highest hour of the processor below five percent, of memory below ten.",
        "choice",
        first["name"] if first else None,
        f"Stopping it saves {first['carbon']:.1f} kg and {first['money']:,.0f} {first['currency']} a month: money and carbon go together here."
        if first
        else "No machine was idle in every hour, or use was not measured: bring usage with “finops ingest usage”.",
        _mistakes(
            first["name"] if first else None,
            (big["name"] if big else None, "That one emits most of all, but it works for it. The question asks for machines that do nothing."),
            (smallest["name"] if smallest else None, "That one is idle too, but emits least of them. Sort by carbon, the largest first."),
        )
        if first
        else (),
        choices=tuple(sorted(names)),
        watch="Someone will want to stop a standby. Ask how the data could tell one from the other: by a tag that says so.",
    )  # fmt: skip


def region(run: Any) -> Exercise:
    """What moving the largest movable workload saves of its emissions, against counting the making and the grids alone."""
    f = _footprint(run)
    rows = f.candidates[f.candidates["measure"] == "region"].to_dict("records")
    first = max(rows, key=lambda r: (r["carbon"], str(r["name"])), default=None)
    if first is None:
        return Exercise(
            4, "Where should it run?", 10, "Which share of its emissions would a move to the cleanest region save?", "Look at the measure region.",
            "percent", None, "Nothing that says it may move runs on dirty power this month.", watch="Ask which of their own work could run anywhere.",
        )  # fmt: skip
    line = next(
        r for r in f.now.to_dict("records") if r["resource"] == first["resource"] and r["kind"] == "compute"
    )
    share = ratio(first["carbon"], line["kg"])
    return Exercise(
        4,
        "Where should it run?",
        10,
        f"{first['name']} runs in {first['region']} and may run anywhere. Which share of its emissions would a move to {first['to']} save, in percent?",
        "A move changes the grid, not the machine: the power emits less, the making stays.",
        "percent",
        share,
        f"That is {first['carbon']:.0f} kg a month. What it costs is one copy of the data and a week side by side, about {first['cost']:,.0f} {first['currency']}.",
        _mistakes(
            share,
            (ratio(first["carbon"], line["operational"]), "You compared the grids only. The machine was made all the same: its embodied part does not move."),
            (D(1), "Nothing becomes zero: even clean power emits a little, and the machine had to be made."),
            (ratio(first["carbon"], f.total()), "That is the share of the whole company. The question asks for the share of this workload."),
        ),
        unit="%",
        watch="Ask who is allowed to decide that data leaves the country. The saving is easy, the permission is the work.",
    )  # fmt: skip


def gap(run: Any) -> Exercise:
    """The dearest use without a figure, against the dearest with only a spend-based one and the largest vendor."""
    f = _footprint(run)
    gaps = f.gaps.to_dict("records")
    first = gaps[0] if gaps else None
    spent = sorted(
        (r for r in f.now.to_dict("records") if r["grade"] == "D" and r["cost"]),
        key=lambda r: (-r["cost"], str(r["name"])),
    )
    second = gaps[1]["name"] if len(gaps) > 1 else None
    other = spent[0]["name"] if spent else None
    names = tuple(sorted({str(n) for n in [*(g["name"] for g in gaps[:6]), other] if n}))
    return Exercise(
        5,
        "What does the figure leave out?",
        5,
        "Which single use has no emission figure at all and costs most in the month?",
        "Look at the list of gaps, not at the grades: grade D has a figure, if a weak one.",
        "choice",
        str(first["name"]) if first else None,
        "It stands in the report as a gap with its cost. Zero would be wrong, and a guess would hide that nobody asked the vendor."
        if first
        else "Everything used this month has a figure.",
        _mistakes(
            str(first["name"]),
            (other, "That one has a figure, taken from its cost and graded D. The question asks for what has none."),
            (second, "That one has no figure either, but costs less. Sort by cost."),
        )
        if first
        else (),
        choices=names,
        watch="Someone will propose an industry average. Ask what the year after looks like when the vendor answers.",
    )  # fmt: skip


def intensity(run: Any) -> Exercise:
    """The largest SCI, against leaving the making out and against the whole company by its units."""
    f = _footprint(run)
    rows = [r for r in f.products.to_dict("records") if not r["sci"].is_nan()]
    first = max(rows, key=lambda r: (r["sci"], r["product"]), default=None)
    known = first is not None
    grams = first["operational"] * 1000 if known else NAN
    return Exercise(
        6,
        "Carbon by what it does",
        10,
        f"How many grams of CO2e does {first['product']} emit for each of its {first['per']}, by the software carbon intensity? Two decimals."
        if known
        else "How many grams of CO2e does the product emit by unit?",
        "SCI = (E × I + M) ÷ R: power and making together, divided by the units of the month.",
        "money",
        first["sci"] if known else None,
        "Look at what stands behind it before comparing: only resources named like the product or owned by its department count."
        if known
        else "There are no business figures (drivers.csv) for a product that has charges.",
        _mistakes(
            first["sci"],
            (CONTEXT.divide(grams, first["units"]) if first["units"] else None, "You left the making out: the standard’s M belongs to it, reserved hardware included."),
            (CONTEXT.divide(f.total() * 1000, first["units"]) if first["units"] else None, "That is the whole company’s carbon by this product’s units. Take the product’s own lines."),
            (CONTEXT.divide(first["sci"], 1000), "Those are kilograms. The standard speaks of grams by unit."),
        )
        if known
        else (),
        unit="g",
        watch="Ask whether the number can fall although total emissions rise. It can, and both are true.",
    )  # fmt: skip


def money(run: Any) -> Exercise:
    """Kilograms by thousand of currency, against the library's inverse and against counting costs without a figure."""
    f = _footprint(run)
    mine = [r for r in f.now.to_dict("records") if r["currency"] == run.currency and r["cost"] is not None]
    known = [r for r in mine if r["grade"]]
    kg, cost = sum((r["kg"] for r in known), D(0)), sum((r["cost"] for r in known), D(0))
    answer = ratio(kg * 1000, cost)
    return Exercise(
        7,
        "Which way up?",
        5,
        f"How many kilograms of CO2e stand behind a thousand {run.currency} of effective cost, of charges in {run.currency} that have a figure? Two decimals.",
        "The name says carbon by money. The library’s printed formula divides the other way round.",
        "money",
        None if answer.is_nan() else answer,
        "A discount raises this number although nothing changed. Show it, but set no target on it alone."
        if not answer.is_nan()
        else "Nothing in this month has both a cost and a figure.",
        _mistakes(
            answer,
            (ratio(cost, kg), "That is money by kilogram: the printed formula, which is the inverse of what the name says. More is better there, less is better here."),
            (ratio(kg * 1000, sum((r["cost"] for r in mine), D(0))), "You divided by cost that has no figure as well. Both sides must speak of the same charges."),
            (ratio(kg, cost), "Those are kilograms by one unit of money. The question asks for a thousand."),
        ),
        watch="Let two tables say “carbon efficiency” and give opposite advice. Which one is the library’s?",
    )  # fmt: skip


def _footprint(run: Any) -> Footprint:
    if _HELD.get("run") is not run:
        _HELD.update(run=run, footprint=footprint(run))
    return _HELD["footprint"]


def _tonnes(kg: Decimal) -> str:
    return f"{kg / 1000:.1f} t"


def _mistakes(solution: Any, *ways: tuple[Any, str]) -> tuple[Mistake, ...]:
    """The wrong ways that give a wrong answer on these data: some coincide with the right one by chance."""
    return tuple(
        Mistake(answer, why)
        for answer, why in ways
        if answer is not None and answer != solution and not (isinstance(answer, Decimal) and answer.is_nan())
    )


EXERCISES = (total, making, idle, region, gap, intensity, money)
