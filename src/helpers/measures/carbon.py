"""KPIs of emissions: sums of estimated lines by month, beside the charges they belong to.

Emissions come as a table of lines (columns of `helpers.models.emissions.estimate`), one or more months of them. Carbon has no
currency: what is by money or by unit of use is taken from the lines of that month alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from helpers.measures.measure import Measure, Sums, Table
from helpers.terms.money import CONTEXT, NAN, ratio
from helpers.terms.period import Month

D = Decimal
LOW_CARBON = D("0.2")  # kgCO2e/kWh
COMPUTE, STORAGE = ("Compute",), ("Storage",)


def total(charges: Table, emissions: Any) -> Measure:
    """All estimated emissions of the month, location-based [kgCO2e]."""
    return _measure("total-emissions", charges, emissions, lambda r: _add(r, "kg"), "kgCO2e")


def by_category(
    charges: Table, emissions: Any, category: str, id: str, days: Mapping[str, int] | None = None
) -> Measure:
    """Emissions of a service category for each day of the month [kgCO2e/day].

    Parameters
    ----------
    category : str
        ServiceCategory, such as Compute.
    days : mapping, optional
        Days covered of a month that is open.
    """

    def value(rows):
        mine = [r for r in rows if r["category"] == category]
        return _daily(mine, rows, days)

    return _measure(id, charges, emissions, value, "kgCO2e/day")


def stored(charges: Table, emissions: Any) -> Measure:
    """Emissions of storage by gigabyte stored for the month [kgCO2e/GB-month]."""

    def value(rows):
        mine = [r for r in rows if r["kind"] == "storage" and r["grade"] and r["category"] == "Storage"]
        gb = sum((_gigabytes(r) for r in mine), D(0))
        return ratio(_add(mine, "kg"), gb)

    return _measure(
        "carbon-per-time-storage-category", charges, emissions, value, "kgCO2e/GB-month", "by-gigabyte"
    )


def by_unit(charges: Table, emissions: Any) -> Measure:
    """Emissions by unit used of the SKU that emits most [kgCO2e by its unit]; units of different SKUs are not added."""

    def value(rows):
        sums: dict[str, list[Decimal]] = {}
        for r in rows:
            if r["grade"] in ("A", "B", "C") and r["sku"] and r["quantity"]:
                cell = sums.setdefault(f"{r['sku']}|{r['unit']}", [D(0), D(0)])
                cell[0], cell[1] = cell[0] + r["kg"], cell[1] + r["quantity"]
        if not sums:
            return NAN
        kg, units = max(sums.items(), key=lambda x: (x[1][0], x[0]))[1]
        return ratio(kg, units)

    return _measure("carbon-per-unit-of-cloud-service-sku", charges, emissions, value, "kgCO2e/unit")


def by_spend(charges: Table, emissions: Any, inverse: bool = False) -> Measure:
    """Emissions by effective cost of the charges that have a figure [kgCO2e/currency]; with `inverse` the other way round.

    Both are taken over the lines of the currency at hand.
    """

    def value(rows, currency):
        mine = [r for r in rows if r["grade"] and r["currency"] == currency and r["cost"] is not None]
        kg, cost = _add(mine, "kg"), _add(mine, "cost")
        return ratio(cost, kg) if inverse else ratio(kg, cost)

    unit = "currency/kgCO2e" if inverse else "kgCO2e/currency"
    return _measure(
        "carbon-per-unit-of-cloud-spend",
        charges,
        emissions,
        value,
        unit,
        "inverse" if inverse else "",
        money=True,
    )


def burn(charges: Table, emissions: Any, days: Mapping[str, int] | None = None) -> Measure:
    """Emissions for each day of the month [kgCO2e/day]."""
    return _measure(
        "csp-cloud-carbon-budget-burn-rate",
        charges,
        emissions,
        lambda rows: _daily(rows, rows, days),
        "kgCO2e/day",
    )


def clean_places(charges: Table, emissions: Any) -> Measure:
    """Cost in regions whose grid is below 200 gCO2e/kWh / cost in regions whose grid is known [ratio]."""

    def value(rows, currency):
        known = [
            r for r in rows if r["grid"] is not None and r["currency"] == currency and r["cost"] is not None
        ]
        clean = [r for r in known if r["grid"] < LOW_CARBON]
        return ratio(_add(clean, "cost"), _add(known, "cost"))

    return _measure("carbon-efficient-locations", charges, emissions, value, "ratio", money=True)


def untagged(charges: Table, emissions: Any) -> Measure:
    """Emissions of charges without any tag that has a value / emissions [ratio]."""
    return _share("percentage-of-carbon-associated-with-untagged-csp-cloud-resources", charges, emissions,
                  lambda r: True, lambda r: not r["tagged"])  # fmt: skip


def compliant(charges: Table, emissions: Any) -> Measure:
    """Emissions of charges that meet the tag policy / emissions of those the policy speaks of [ratio]."""
    return _share("percentage-of-csp-cloud-carbon-that-is-tagging-policy-compliant", charges, emissions,
                  lambda r: r["policy"] is not None, lambda r: r["policy"])  # fmt: skip


def wasted(charges: Table, emissions: Any, findings: Any, absolute: bool = False) -> Measure:
    """Emissions that idle and too large machines could do without, of all emissions [ratio], or in kgCO2e.

    Parameters
    ----------
    findings : DataFrame
        Columns measure, carbon [kgCO2e]; form of `helpers.models.abatement.candidates`.
    """
    waste = sum(
        (
            c
            for m, c in zip(findings["measure"], findings["carbon"], strict=True)
            if m in ("idle", "rightsize")
        ),
        D(0),
    )
    unit, variant = ("kgCO2e", "absolute") if absolute else ("ratio", "")
    return _measure("carbon-waste-carbon-efficiency", charges, emissions,
                    lambda rows: waste if absolute else ratio(waste, _add(rows, "kg")), unit, variant)  # fmt: skip


def power_usage(charges: Table, emissions: Any) -> Measure:
    """The providers' published PUE, weighed by the energy of the machines used there [ratio]."""

    def value(rows):
        known = [r for r in rows if r["pue"] and r["kwh"] is not None]
        return ratio(_add(known, "kwh"), sum((CONTEXT.divide(r["kwh"], r["pue"]) for r in known), D(0)))

    return _measure("data-center-power-usage-effectiveness", charges, emissions, value, "ratio")


def dirty_power(charges: Table, emissions: Any) -> Measure:
    """Carbon by kilowatt-hour of all that was used [gCO2e/kWh]: what another mix of regions would change."""

    def value(rows):
        known = [r for r in rows if r["grid"] is not None]
        return ratio(_add(known, "operational") * 1000, _add(known, "kwh"))

    return _measure(
        "optimizing-electricity-pue-wue-between-regions-or-cloud-service-providers",
        charges,
        emissions,
        value,
        "gCO2e/kWh",
    )


def unknown_cost(charges: Table, emissions: Any) -> Measure:
    """Cost of what has no figure at all / cost of what was used [ratio]."""

    def value(rows, currency):
        mine = [
            r for r in rows if r["kind"] != "none" and r["currency"] == currency and r["cost"] is not None
        ]
        return ratio(_add([r for r in mine if not r["grade"]], "cost"), _add(mine, "cost"))

    return _measure("cost-without-emissions", charges, emissions, value, "ratio", money=True)


def on_measured_use(charges: Table, emissions: Any) -> Measure:
    """Emissions reckoned from measured use / emissions [ratio]: how far the figure can be trusted."""
    return _share(
        "emissions-on-measured-use", charges, emissions, lambda r: True, lambda r: r["grade"] == "A"
    )


def avoidable(findings: Any, measure: str = "") -> Measure:
    """Emissions that the measures found would save in a month [kgCO2e]; its sums have their money and number.

    Parameters
    ----------
    findings : DataFrame
        Columns measure, carbon [kgCO2e], money [currency of the page; None for another one].
    measure : str
        One kind of measure (idle, schedule, rightsize, region, arm); empty for all.
    """
    rows = [r for r in findings.to_dict("records") if not measure or r["measure"] == measure]
    sums = {
        "carbon": _add(rows, "carbon"),
        "money": _add(rows, "money"),
        "count": D(len(rows)),
    }
    return Measure("avoidable-emissions", sums, lambda s: s["carbon"], "kgCO2e", None, measure)


def check(checks: Mapping[str, Decimal | None], name: str, unit: str) -> Measure:
    """One number of the carbon path or audit, as the notebook found it.

    Parameters
    ----------
    checks : mapping
        Name -> number; None where it is not known.
    """
    value = checks.get(name)
    return Measure(name, {"value": value}, lambda s: NAN if s["value"] is None else s["value"], unit, None)


def _share(id: str, charges: Table, emissions: Any, among: Callable, part: Callable) -> Measure:
    def value(rows):
        known = [r for r in rows if r["grade"] and among(r)]
        return ratio(_add([r for r in known if part(r)], "kg"), _add(known, "kg"))

    return _measure(id, charges, emissions, value, "ratio")


def _measure(
    id: str,
    charges: Table,
    emissions: Any,
    value: Callable,
    unit: str,
    variant: str = "",
    money: bool = False,
) -> Measure:
    """A measure whose value comes from the lines of the group's month."""
    months: dict[str, list[dict[str, Any]]] = {}
    for r in emissions.to_dict("records"):
        months.setdefault(r["period"], []).append(r)

    def taken(s: Sums) -> Decimal:
        if not s["charges"]:
            return NAN  # a month that was not asked for
        rows = (
            months.get(s["x_KitPeriod"], [])
            if "x_KitPeriod" in s
            else [r for m in months.values() for r in m]
        )
        if not any(r["grade"] for r in rows):
            return NAN  # nothing known is not nothing emitted
        return value(rows, s.get("BillingCurrency")) if money else value(rows)

    return Measure(id, {"charges": charges.count()}, taken, unit, charges, variant)


def _add(rows: Any, name: str) -> Decimal:
    return sum((r[name] for r in rows if isinstance(r[name], Decimal)), D(0))


def _daily(mine, rows, days) -> Decimal:
    periods = sorted({r["period"] for r in rows})
    count = sum((days or {}).get(p, Month.parse(p).days) for p in periods)
    return ratio(_add(mine, "kg"), count)


def _gigabytes(r: Mapping[str, Any]) -> Decimal:
    unit = (r["unit"] or "").lower()
    amount = r["quantity"] * (1000 if unit.startswith("t") else 1)
    return amount if "mo" in unit else CONTEXT.divide(amount, 730)
