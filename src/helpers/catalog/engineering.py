"""Engineering's review of a month: tables of one layer handed to the next, once for notebook, page and lesson."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from helpers.terms.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from helpers.data.coverage import Groups
    from helpers.models.review import Review

ANSWER = "40"
ENDS = "what a commitment covers is saved only when it ends"


@dataclass(frozen=True)
class Month:
    """What a month's page shows.

    Attributes
    ----------
    lines : DataFrame
        As `helpers.measures.resources.lines`.
    review : Review
    owners : Groups
    tagging, leavers, promises, designs, speed : DataFrame
        As ``coverage.untagged``, ``accountability.gone``, ``accountability.judged``, ``designs.totals``, ``designs.speed``.
    schedules : DataFrame or None
        Schedules in force.
    """

    lines: pd.DataFrame
    review: Review
    owners: Groups
    tagging: pd.DataFrame
    leavers: pd.DataFrame
    promises: pd.DataFrame
    designs: pd.DataFrame
    speed: pd.DataFrame
    schedules: pd.DataFrame | None

    @property
    def found(self) -> Any:
        """All advice."""
        return self.review.found

    @property
    def companions(self) -> dict[str, Any]:
        """Tables for `Run.kpis`, by the names under which KPIs need them."""
        tables = {
            "findings": self.review.findings,
            "utilisation": self.review.utilisation if self.review.uses else None,
            "schedules": self.schedules,
            "actions": self.promises if len(self.promises) else None,
            "leavers": self.leavers,
        }
        return {name: table for name, table in tables.items() if table is not None}

    @property
    def sheets(self) -> dict[str, pd.DataFrame]:
        """Tables for ``tables.xlsx``."""
        import pandas as pd

        from helpers.models import advice

        kept = ("resource_id", "name", "cost", "reason")
        return {
            "Advice": _plain(advice.frame(self.found.advice)),
            "Not counted": _plain(advice.frame(self.found.possible)),
            "Left alone": pd.DataFrame(self.found.held, columns=list(kept), dtype=object),
            "Unknown types": pd.DataFrame(
                self.found.unknown, columns=["resource_id", "name", "type", "cost"], dtype=object
            ),
            "Owners": self.tagging,
            "Rules": self.owners.coverage(),
            "Next rules": self.owners.next_rules(),
            "Collisions": self.owners.collisions(),
            "Leavers": self.leavers,
            "Promises": self.promises,
            "Designs": self.designs,
            "Speed": self.speed,
        }


def review(run: Any) -> Month:
    """Everything that engineering's page shows of a run.

    Parameters
    ----------
    run : Run
        charges, month, as_of, currency, usage, table; its own parameters ``keep``, ``answer`` and ``carbon``.
    """
    from helpers.data import coverage
    from helpers.data.allocation import factors
    from helpers.data.instances import instances
    from helpers.measures import accountability, designs, resources
    from helpers.models import review as model

    own = getattr(run, "own", {}) or {}
    lines = resources.lines(run.charges, run.month, currency=run.currency)
    alive = resources.alive(lines)
    rules, teams = run.table("allocation"), run.table("teams")
    end = min(run.month.end, datetime.combine(run.as_of + timedelta(days=1), time(), UTC))
    found = model.review(
        alive,
        resources.history(run.charges, run.month, currency=run.currency),
        run.usage,
        instances(),
        steps=factors("storage_steps"),
        zones=factors("zones"),
        currency=run.currency,
        until=end,
        calendar=run.table("calendar"),
        as_of=run.as_of,
        keep=own.get("keep", ""),
    )
    if _yes("carbon", own.get("carbon", "")):
        found = _with_carbon(found, run)
    found = _with_ends(found, run)
    given = run.table("architectures")
    asked = designs.standard(found.found.advice, alive) if given is None else given
    return Month(
        lines,
        found,
        coverage.Groups(
            run.charges, run.month, rules, currency=run.currency, mapping=run.table("tag_mapping")
        ),
        coverage.untagged(lines, rules),
        accountability.gone(lines, teams, as_of=run.as_of, currency=run.currency),
        accountability.judged(run.charges, run.table("actions"), as_of=run.as_of, until=run.month),
        designs.totals(designs.compare(alive, asked)),
        designs.speed(found.found.advice, found.uses, milliseconds(own.get("answer", ""))),
        run.table("schedules"),
    )


def _with_carbon(found: Review, run: Any) -> Review:
    """The review with emissions beside the money, as `sustainability_emissions` estimates them."""
    from helpers.catalog.footprint import footprint
    from helpers.models import advice, emissions

    wanted = {a.resource_id for a in (*found.found.advice, *found.found.possible)}
    emitted = emissions.carbon_of(wanted, footprint(run, months=1).now)
    both = {name: advice.with_carbon(getattr(found.found, name), emitted) for name in ("advice", "possible")}
    return replace(found, found=replace(found.found, **both))


def _with_ends(found: Review, run: Any) -> Review:
    """The review with the day from which a saving that a commitment stands against is whole, where a contract says its end."""
    from helpers.measures import commitment_book

    terms = run.table("contract_commitment")
    blocked = {a.resource_id for a in (*found.found.advice, *found.found.possible) if a.blocked > 0}
    if terms is None or not blocked:
        return found
    ends = dict(zip(terms["ContractCommitmentId"], terms["ContractCommitmentPeriodEnd"], strict=True))
    last: dict[str, Any] = {}
    for r in commitment_book.covers(run.charges, run.month, months=1).to_dict("records"):
        if r["resource_id"] in blocked and r["id"] in ends:
            last[r["resource_id"]] = max(last.get(r["resource_id"], ends[r["id"]]), ends[r["id"]])

    def dated(a: Any) -> Any:
        day = last.get(a.resource_id)
        return (
            replace(a, limits=a.limits.replace(ENDS, f"{ENDS}, {day:%Y-%m-%d}"))
            if day and a.blocked > 0
            else a
        )

    both = {name: [dated(a) for a in getattr(found.found, name)] for name in ("advice", "possible")}
    return replace(found, found=replace(found.found, **both))


def _yes(name: str, text: str) -> bool:
    if text.lower() not in ("", "no", "yes"):
        raise UsageError(f"{name} {text!r}", "yes or no", "write yes, or leave it empty")
    return text.lower() == "yes"


def milliseconds(text: str) -> Decimal:
    """The notebook's parameter ``answer`` [ms].

    Raises
    ------
    UsageError
        If it is no number above zero.
    """
    try:
        value = Decimal(text or ANSWER)
        if value.is_finite() and value > 0:
            return value
    except InvalidOperation:
        pass
    raise UsageError(f"answer {text!r}", "milliseconds above zero", "write it like 40")


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Shares and percentages as exact numbers, for a spreadsheet."""

    def exact(value: Any) -> Any:
        return Decimal(str(round(value, 6))) if isinstance(value, float) and value == value else value

    return table.map(exact) if len(table) else table
