"""``finops plan``: commitments, schedules and both together."""

from __future__ import annotations

import click

from helpers.terms.errors import UsageError
from helpers.verbs.options import Kit, emit_in_order


@click.group(cls=Kit)
def plan() -> None:
    """Plan what to buy and when to run: commitments, schedules, both together (docs/commitments.md)."""


# verb -> (its module in helpers.verbs, one line for `finops plan --help`)
plan.elsewhere = {  # type: ignore[attr-defined]
    "joint": ("plan_joint", "use less and commit, planned together: what each order loses"),
    "schedule": ("plan_joint", "when machines may be off, and what that saves net of commitments"),
}

RATE = click.FloatRange(0, 1, min_open=True, max_open=True)
MANY = 4  # regions from which processes share the work


@plan.command()
@click.option("--demand", required=True, metavar="FILE", help="Hourly demand, Parquet or CSV: USAGE_HOUR, REGION_NUM, INSTANCE_TYPE, NORM_USAGE.")  # fmt: skip
@click.option("--type-rate", type=RATE, metavar="RATE", help="Price of a commitment to one type, on demand being 1.  [left out: not on offer]")  # fmt: skip
@click.option("--portfolio-rate", type=RATE, metavar="RATE", help="Price of a flexible commitment to the region.  [left out: not on offer]")  # fmt: skip
@click.option("--term", type=click.IntRange(1, 60), default=12, show_default=True, help="Months that a purchase lasts.")  # fmt: skip
@click.option("--walk-forward", is_flag=True, help="Decide each past month anew with what was known then, and say what that saved.  [else: what to buy next]")  # fmt: skip
@click.option("--events", metavar="FILE", help="CSV of planned migrations: region, known_on, start, end, from_type, to_type, share.")  # fmt: skip
@click.option("--json", "as_json", required=True, metavar="FILE|-", help="Where to write: a list, one record for each region.")  # fmt: skip
def commitments(
    demand: str,
    type_rate: float | None,
    portfolio_rate: float | None,
    term: int,
    walk_forward: bool,
    events: str | None,
    as_json: str,
) -> None:
    """Plan commitments from hourly demand, or measure on the past what such plans save."""
    import os

    from helpers.data import demand as files
    from helpers.models.commitments import answer
    from helpers.models.commitments.cost import Terms
    from helpers.terms.errors import BadInput

    if type_rate is None and portfolio_rate is None:
        raise UsageError("neither --type-rate nor --portfolio-rate", "at least one instrument", "give the rate of what is on offer, such as --portfolio-rate 0.7")  # fmt: skip
    held = files.read(demand)
    regions = answer.histories(held)
    planned = answer.plans(files.planned(events, held)) if events else None
    terms = Terms(type_rate, portfolio_rate, term)
    if walk_forward:
        if all(r.months <= answer.HISTORY_MONTHS for r in regions):
            raise BadInput(
                f"{max(r.months for r in regions)} whole months of demand",
                f"{answer.HISTORY_MONTHS + 1} or more: the first {answer.HISTORY_MONTHS} are history only",
                "give a longer history, or leave out --walk-forward",
                file=demand,
                column="USAGE_HOUR",
            )
        workers = os.cpu_count() or 1 if len(regions) >= MANY else 1
        found = answer.answers(regions, terms, planned, workers=workers)
    else:
        found = answer.upcoming(regions, terms, planned)
    for record, own in zip(found, held, strict=True):
        record["notes"] = [*own.notes, *record["notes"]]
        record["gaps"] = own.gaps
    emit_in_order(found, as_json)
    if as_json != "-":
        for record in found:
            click.echo(_line(record))


def _line(record: dict) -> str:
    """One region in words."""
    if record.get("savings_rate") is None:
        many = len(record["purchases"])
        return f"region {record['region']}: {many} purchase{'s' * (many != 1)}{'; ' + '; '.join(record['notes']) if record['notes'] else ''}"
    return f"region {record['region']}: {record['savings_rate']:.1%} saved, {record['optimum']:.1%} with the future known, {len(record['purchases'])} purchases"
