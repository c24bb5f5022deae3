"""A notebook's emissions: charges, use, factors and exports brought together, once for all its cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from helpers.models import abatement, carbon_exports, carbon_report, emissions, sci
from helpers.models.carbon_factors import Factors, short_provider
from helpers.terms.money import CONTEXT, ratio
from helpers.terms.period import Month

D = Decimal


@dataclass(frozen=True)
class Footprint:
    """What the company's usage emits, and what it is made of.

    Attributes
    ----------
    month : Month
    currency : str
    factors : Factors
    lines : DataFrame
        `emissions.estimate` of all months up to this one, by Cloud Carbon Footprint's method.
    price : Decimal
        Internal carbon price [currency/tCO2e].
    complete : bool
        Whether the month is over: an open one is not held against its path.
    """

    month: Month
    currency: str
    factors: Factors
    lines: Any = field(repr=False)
    activity: Any = field(repr=False)
    use: Mapping[tuple[str, str], emissions.Use] = field(repr=False)
    profile: Any = field(repr=False)
    purposes: Mapping[str, str] = field(repr=False)
    price: Decimal
    drivers: Any = field(repr=False, default=None)
    exports: Any = field(repr=False, default=None)
    budget: Any = field(repr=False, default=None)
    ledger: Any = field(repr=False, default=None)
    hours: Any = field(repr=False, default=None)
    complete: bool = True

    @cached_property
    def now(self) -> Any:
        """The month's lines."""
        return self.lines[self.lines["period"] == str(self.month)].reset_index(drop=True)

    @cached_property
    def second(self) -> Any:
        """The month's lines by Boavizta's method."""
        mine = self.activity[self.activity["period"] == str(self.month)]
        return emissions.estimate(mine, self.factors, self.use, "boavizta")

    @cached_property
    def months(self) -> Any:
        """Emissions by month."""
        return carbon_report.monthly(self.lines)

    @cached_property
    def path(self) -> Any:
        """Each month beside its budget or path."""
        return carbon_report.path(self.months, self.budget)

    @cached_property
    def candidates(self) -> Any:
        """What would lower the month's emissions, with money, carbon and both by the carbon price."""
        days = abatement.clean_day(self.hours)
        found = abatement.candidates(self.now, self.profile, self.factors, self.purposes, days)
        return abatement.priced(found, self.price)

    @property
    def gaps(self) -> Any:
        """What has no figure in the month."""
        return emissions.gaps(self.now)

    @property
    def stale(self) -> Any:
        """Regions whose factor is more than two years old in the month."""
        return emissions.stale(self.now)

    @property
    def grades(self) -> Any:
        """The month's emissions by what they rest on."""
        return emissions.grades(self.now)

    @property
    def scopes(self) -> Any:
        """The month by the GHG Protocol's scopes."""
        return carbon_report.scopes(self.now)

    @property
    def esrs(self) -> Any:
        """The cloud's lines of the ESRS E1-6 table, year to date."""
        return carbon_report.esrs(self.months, self.month)

    @property
    def products(self) -> Any:
        """SCI by product and unit."""
        return sci.by_product(self.now, self.drivers)

    @property
    def reconciled(self) -> Any:
        """Providers' own exports beside the estimate."""
        return carbon_exports.reconcile(self.exports, self.lines, str(self.month))

    @property
    def audit(self) -> Any:
        """Practice against published principles."""
        budget = self.budget
        return carbon_report.audit(
            self.now, self.candidates, exports=self.exports, budget=budget, actions=self.ledger
        )

    @cached_property
    def methods(self) -> Any:
        """Both methods by service: what each says [kgCO2e], and their ratio."""
        import pandas as pd

        one, two = emissions.by(self.now, "service"), emissions.by(self.second, "service")
        other = dict(zip(two["service"], two["kg"], strict=True))
        rows = [
            {"service": s, "first": kg, "second": other.get(s, D(0)), "times": ratio(other.get(s, D(0)), kg)}
            for s, kg in zip(one["service"], one["kg"], strict=True)
            if kg
        ]
        return pd.DataFrame(rows, columns=["service", "first", "second", "times"], dtype=object)

    @cached_property
    def regions(self) -> Any:
        """The month by region: grid, water, energy, emissions and cost in the page's currency, the dirtiest first."""
        import pandas as pd

        rows = []
        known = self.now[[g is not None for g in self.now["grid"]]]
        for (provider, region), part in known.groupby(["provider", "region"], sort=True):
            year, short = int(str(self.month)[:4]), short_provider(provider)
            water = self.factors.one("wue", short, region, year)
            kwh = emissions.total(part, "kwh")
            cost = sum(
                (c for c, m in zip(part["cost"], part["currency"], strict=True) if c and m == self.currency),
                D(0),
            )
            rows.append(
                {"region": region, "provider": provider, "grid": part["grid"].iloc[0] * 1000, "year": int(part["year"].iloc[0]),
                 "pue": part["pue"].iloc[0], "wue": water.value if water else None, "kwh": kwh, "kg": emissions.total(part), "cost": cost}
            )  # fmt: skip
        rows.sort(key=lambda r: (-r["grid"], r["region"]))
        names = ["region", "provider", "grid", "year", "pue", "wue", "kwh", "kg", "cost"]
        return pd.DataFrame(rows, columns=names, dtype=object)

    @property
    def findings(self) -> Any:
        """`candidates` with money in the page's currency only, for the KPIs."""
        found = self.candidates
        money = [
            m if c == self.currency else None for m, c in zip(found["money"], found["currency"], strict=True)
        ]
        return found.assign(money=money)

    @property
    def checks(self) -> dict[str, Decimal | None]:
        """Numbers of the path and the audit that the playbook's rules ask for, for the KPIs."""
        last = (
            self.path.iloc[-1] if len(self.path) and self.path["month"].iloc[-1] == str(self.month) else None
        )
        aim = None if last is None or last["budget"].is_nan() else last["budget"]
        seen = dict(zip(self.audit["check"], self.audit["resources"], strict=True))
        return {
            "carbon-over-path": _over(last, aim) if self.complete else None,
            "old-emission-factors": D(len(self.stale)),
            "unreviewed-dirty-workloads": D(len(seen["carbon awareness"])),
        }

    @property
    def tables(self) -> dict[str, Any]:
        """What the KPIs need beside the charges, by the catalog's names."""
        return {"emissions": self.lines, "carbon_measures": self.findings, "carbon_checks": self.checks}

    @property
    def unit_costs(self) -> Any:
        """Emissions by unit of use of each SKU whose units have a figure: sku, meter, unit, quantity, kg, by_unit [kgCO2e]."""
        import pandas as pd

        sums: dict[tuple, list[Decimal]] = {}
        for r in self.now.to_dict("records"):
            if r["grade"] in ("A", "B", "C") and r["sku"] and r["quantity"]:
                cell = sums.setdefault((r["sku"], r["meter"], r["unit"]), [D(0), D(0)])
                cell[0], cell[1] = cell[0] + r["quantity"], cell[1] + r["kg"]
        rows = [(*key, q, kg, CONTEXT.divide(kg, q)) for key, (q, kg) in sums.items()]
        rows.sort(key=lambda r: (-r[4], r[0]))
        return pd.DataFrame(rows, columns=["sku", "meter", "unit", "quantity", "kg", "by_unit"], dtype=object)

    def trace(self, **where: Any) -> Any:
        """The lines behind a figure of the month, with their factors; their kg adds up to it exactly."""
        return emissions.trace(self.now, self.factors, **where)

    def total(self, column: str = "kg") -> Decimal:
        """The month's emissions [kgCO2e]: kg, low, high, market, operational or embodied."""
        return emissions.total(self.now, column)


def _over(last: Any, aim: Decimal | None) -> Decimal | None:
    return CONTEXT.divide(last["kg"] - aim, aim) if aim else None


def footprint(run: Any, carbon_price: str = "100", months: int = 25) -> Footprint:
    """The emissions of a run.

    Parameters
    ----------
    run : Run
    carbon_price : str
        The company's own price of a tonne [run.currency/tCO2e].
    months : int
        Months of history [months], this one included.
    """
    from helpers import measures
    from helpers.data import carbon
    from helpers.measures import activity

    price = abatement.price_of(run.own.get("carbon_price", carbon_price) or carbon_price)
    factors = Factors(carbon.tables(run.table("carbon_factors")))
    window = measures.window(run.charges, run.month, months)
    used = activity.table(window)
    usage, use, profile = run.usage, {}, None
    if usage is not None:
        loads = activity.loads(usage).to_dict("records")
        use = {(r["period"], r["resource"]): emissions.Use(r["load"], r["hours"]) for r in loads}
        profile = activity.profile(usage)
    given = {name: run.table(name) for name in carbon_exports.TABLES}
    exports = carbon_exports.all_of(given) if any(t is not None for t in given.values()) else None
    return Footprint(
        month=run.month, currency=run.currency, factors=factors, lines=emissions.estimate(used, factors, use), activity=used,
        use=use, profile=profile, purposes=activity.purposes(measures.month(run.charges, run.month)), price=price,
        drivers=run.table("drivers"), exports=exports, budget=_budget(run), ledger=_ledger(run),
        hours=run.table("grid_hours"), complete=not run.open,
    )  # fmt: skip


def _budget(run: Any) -> Any:
    """The carbon budget of what the run shows: the company's, or the department's; none for a provider or currency alone."""
    held = run.table("carbon_budget")
    department = run.chosen.get("department")
    if held is None or run.chosen.get("provider") or run._asked.get("currency"):
        return None
    if department:
        held = held[held["department"] == department].assign(department=None)
    return held if len(held) else None


def _ledger(run: Any) -> Any:
    """The list of actions where the store has one with resources."""
    held = run.table("actions")
    return held if held is not None and "resource_id" in held.columns else None
