"""Engineering's anomalies of a month: charges handed to the detector and its incidents to KPIs, page and lesson."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from helpers.catalog.kpis import COMPANION_COLUMNS
from helpers.terms.errors import UsageError
from helpers.terms.money import CONTEXT
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

    from helpers.models.anomalies.incidents import Found, Incident

MONTHS = 13
LEARNING = 2  # of them only teach: before, too little is known for every incident to be seen
HORIZON, LONGEST = "30", 365
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Review:
    """What a month's page shows.

    Attributes
    ----------
    found : Found
        Incidents of all months looked at.
    month : Month
    currency : str
    horizon : int
        Days over which the end of an incident counts as avoided [days].
    longer : Decimal
        Effective cost of charges for longer than a day, which are not watched [currency].
    """

    found: Found
    month: Month
    currency: str
    horizon: int
    longer: Decimal

    @property
    def alarms(self) -> list[Incident]:
        """Of the month, the dearest first."""
        return self.found.of(self.month, "alarm")

    @property
    def expected(self) -> list[Incident]:
        """What known events explain."""
        return self.found.of(self.month, "expected")

    @property
    def quiet(self) -> list[Incident]:
        """What does not alarm: known events, feedback, new resources."""
        return [i for s in ("expected", "muted", "new resource") for i in self.found.of(self.month, s)]

    @property
    def biggest(self) -> Incident | None:
        """The dearest alarm of the month; without one the dearest incident."""
        return next(iter([*self.alarms, *self.found.of(self.month)]), None)

    def in_month(self, incident: Incident) -> Decimal:
        """Excess of an incident in the month [currency]."""
        return incident.months.get(str(self.month), Decimal(0))

    def avoided(self, incident: Incident) -> Decimal | None:
        """What its end saved: a day's excess × days of the horizon that it did not last; None where nobody confirmed it."""
        if not incident.confirmed or incident.lasts:
            return None
        left = max(self.horizon - (incident.end - incident.start).days - 1, 0)
        return CONTEXT.multiply(incident.daily, Decimal(left)).quantize(CENT)

    @property
    def companions(self) -> dict[str, Any]:
        """Tables for `Run.kpis`."""
        return {"anomalies": self.table}

    @property
    def table(self) -> pd.DataFrame:
        """One row for each incident and month, as `helpers.measures.anomalies` needs it."""
        import pandas as pd

        rows = []
        for i in self.found.incidents:
            for m, excess in i.months.items():
                rows.append(
                    {
                        "month": m,
                        "status": i.status,
                        "kind": i.kind,
                        "excess": excess,
                        "a_month": i.month_more,
                        "avoided": self.avoided(i) if str(Month.of(i.end)) == m else None,
                        "lasts": i.lasts and m == str(self.month),
                        "owner": i.owner or i.department,
                        "answered": i.confirmed,
                        "delay": i.delay if str(Month.of(i.seen)) == m else None,
                    }
                )
        frame = pd.DataFrame(rows, columns=list(COMPANION_COLUMNS["anomalies"]), dtype=object)
        looked = sorted(self.found.spent)[LEARNING:] if len(self.found.spent) > LEARNING else []
        frame.attrs |= {"currency": self.currency, "months": [*looked, str(self.month)]}
        return frame

    @property
    def sheets(self) -> dict[str, pd.DataFrame]:
        """Tables for ``tables.xlsx``."""
        return {
            "Incidents": frame(self.found.of(self.month), self),
            "All months": frame(self.found.incidents, self),
        }


def review(run: Any) -> Review:
    """Everything that the page shows of a run.

    Parameters
    ----------
    run : Run
        charges, month, as_of, currency, table; its own parameter ``horizon``.
    """
    from helpers.measures import daily
    from helpers.models.anomalies import incidents, known

    own = getattr(run, "own", {}) or {}
    horizon = days(own.get("horizon", "") or HORIZON)
    lines = daily.lines(run.charges, run.month, currency=run.currency, months=MONTHS, as_of=run.as_of)
    found = incidents.find(
        lines,
        events=known.events(run.table("calendar"), run.table("scenarios"), run.table("contracts")),
        verdicts=known.verdicts(run.table("anomaly_feedback"), run.as_of),
        serves=serves(run),
    )
    return Review(found, run.month, run.currency, horizon, lines.attrs["longer"] or Decimal(0))


def serves(run: Any) -> dict[str, list[dict[date, float]]]:
    """ResourceId to the daily drivers (counts, no money) of the product that it runs for."""
    from helpers.measures import products
    from helpers.measures.drivers import Drivers

    named, drivers = run.table("products"), Drivers(run.table("drivers"))
    if named is None or not drivers:
        return {}
    daily = {
        p: [
            {d: float(v) for d, v in drivers.daily(p, name).items()}
            for name in drivers.names(p)
            if not drivers.currency(p, name)
        ]
        for p in drivers.products
    }
    ran = products.resources(run.charges, named, run.month.plus(-6)) | products.resources(run.charges, named, run.month)  # fmt: skip
    return {r: daily[p] for r, p in ran.items() if daily.get(p)}


def frame(several: Sequence[Incident], review: Review) -> pd.DataFrame:
    """Incidents as a table, one column for each fact."""
    import pandas as pd

    columns = [
        "id", "status", "reason", "kind", "level", "name", "provider", "account", "service", "region", "resource_id",
        "department", "owner", "start", "alert", "end", "goes on", "delay", "actual", "expected", "excess", "of the month",
        "by month's end", "a month more", "cause", "volume", "price", "commitment", "new", "score",
    ]  # fmt: skip
    rows = [
        [
            i.id, i.status, i.reason, i.kind, i.level, i.name, i.provider, i.account, i.service, i.region, i.resource_id,
            i.department, i.owner, i.start, i.seen, i.end, "yes" if i.lasts else "no", Decimal(i.delay), i.actual, i.expected,
            i.excess, review.in_month(i), i.by_month_end, i.month_more, i.cause.words,
            *(i.cause.parts.get(p, Decimal(0)) for p in ("volume", "price", "commitment", "new")),
            Decimal(repr(round(i.score, 2))),
        ]
        for i in several
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns, dtype=object)


def days(text: str) -> int:
    """The horizon [days].

    Raises
    ------
    UsageError
        No whole number from 1 to `LONGEST`.
    """
    try:
        value = Decimal(text)
        whole = int(value)
    except (InvalidOperation, ValueError, OverflowError):
        value, whole = Decimal(0), 0
    if value != whole or not 1 <= whole <= LONGEST:
        raise UsageError(
            f"horizon {text!r}", f"a whole number of days from 1 to {LONGEST}", "write it like 30"
        )
    return whole
