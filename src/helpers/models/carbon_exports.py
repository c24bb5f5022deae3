"""The providers' own carbon exports as one table, and reconciled with what was estimated.

References
----------
AWS Data Exports, carbon emissions columns (docs.aws.amazon.com/cur); Google Cloud Carbon Footprint, export data schema
(cloud.google.com/carbon-footprint/docs/data-schema); Azure carbon optimization, carbon emission reports
(learn.microsoft.com/rest/api/carbon), all read 2026-11-26.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.models.carbon_factors import short_provider
from helpers.models.carbon_units import kilograms
from helpers.terms.errors import BadInput
from helpers.terms.money import CONTEXT

if TYPE_CHECKING:
    import pandas as pd

D = Decimal
COLUMNS = ("period", "provider", "account", "service", "region", "scope", "basis", "kg", "version")
TABLES = {"aws_carbon": "AWS", "azure_carbon": "Microsoft", "google_carbon": "Google"}
WHY = {  # what usually makes the difference, by what the export says of itself
    "AWS": "AWS gives one total of the scopes that its model version holds, from its own power and buildings; the estimate "
    "takes published watts, grids and a life of four years",
    "Microsoft": "Azure counts making, transport and end of life of its own machines as scope 3; the estimate counts making only",
    "Google": "Google reckons from inside, with its own power, overhead and shared services; the estimate sees only what is billed",
}


def normal(name: str, frame: Any) -> pd.DataFrame:
    """One provider's export in the kit's form.

    Parameters
    ----------
    name : str
        ``aws_carbon``, ``azure_carbon`` or ``google_carbon``.
    frame : DataFrame
        As `Run.table` gives that companion.

    Returns
    -------
    DataFrame
        `COLUMNS`: period ``YYYY-MM``; scope ``1``, ``2``, ``3`` or ``all``; basis ``location``, ``market`` or ``both``
        (the same on either); kg [kgCO2e].

    Raises
    ------
    BadInput
        For an amount without a unit, below zero, or a date that is none.
    """
    import pandas as pd

    take = {"aws_carbon": _aws, "azure_carbon": _azure, "google_carbon": _google}[name]
    rows = [
        line for n, r in enumerate(frame.to_dict("records"), 2) for line in take(r, int(r.get("row") or n))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def all_of(tables: Mapping[str, Any]) -> pd.DataFrame:
    """All exports that there are, one below the other."""
    import pandas as pd

    found = [normal(n, t) for n, t in tables.items() if t is not None]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(COLUMNS), dtype=object)


def reconcile(exports: Any, lines: Any, period: str) -> pd.DataFrame:
    """Provider by provider and part by part: the export beside the estimate, the difference, and why.

    Parameters
    ----------
    exports : DataFrame
        Of `all_of`.
    lines : DataFrame
        Of `emissions.estimate`.
    period : str
        ``YYYY-MM``

    Returns
    -------
    DataFrame
        ``provider``, ``part`` (operational, embodied or all), ``basis``, ``export`` and ``estimate`` [kgCO2e], ``difference``
        [kgCO2e], ``times`` [ratio of estimate to export], ``why``. The differences of a provider's parts add up to that of
        the whole. Operational is scopes 1 and 2 of the provider, embodied its scope 3.
    """
    import pandas as pd

    mine = lines[(lines["period"] == period) & (lines["grade"] != "")]
    rows = []
    for provider in sorted(set(exports["provider"])):
        theirs = exports[(exports["provider"] == provider) & (exports["period"] == period)]
        ours = [r for r in mine.to_dict("records") if short_provider(r["host"] or r["provider"]) == provider]
        scopes = set(theirs["scope"])
        for basis in ("location", "market"):
            given = [r for r in theirs.to_dict("records") if r["basis"] in (basis, "both")]
            if not given:
                continue
            made = sum((r["embodied"] for r in ours), D(0))
            whole = sum((r["kg"] if basis == "location" else r["market"] for r in ours), D(0))
            if scopes <= {"all"}:
                pairs = [("all", _sum(given, {"all"}), whole)]
            else:
                pairs = [
                    ("operational", _sum(given, {"1", "2"}), whole - made),
                    ("embodied", _sum(given, {"3"}), made),
                ]
            rows += [_row(provider, part, basis, a, b, scopes) for part, a, b in pairs]
    columns = ["provider", "part", "basis", "export", "estimate", "difference", "times", "why"]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def _row(provider, part, basis, export, estimate, scopes) -> dict[str, Any]:
    why = WHY.get(provider, "")
    if basis == "market":
        why = (
            "bought power counts in the provider's market-based figure; the estimate has no contracts where none is given. "
            + why
        )
    if part == "embodied" and "3" not in scopes:
        why = "the export leaves scope 3 out. " + why
    return {
        "provider": provider, "part": part, "basis": basis, "export": export, "estimate": estimate,
        "difference": estimate - export, "times": CONTEXT.divide(estimate, export) if export else None, "why": why,
    }  # fmt: skip


def _sum(rows, scopes) -> Decimal:
    return sum((r["kg"] for r in rows if r["scope"] in scopes), D(0))


def _aws(r, line):
    for basis, name in (("location", "total_lbm_emissions"), ("market", "total_mbm_emissions")):
        value = r.get(f"{name}_value")
        if _is(value):
            kg = kilograms(value, r.get(f"{name}_unit") or "", file="aws_carbon.csv", row=line)
            yield _line(r["usage_period_start"], "AWS", r.get("usage_account_id"), r.get("product_code"), r.get("region_code"),
                        "all", basis, kg, r["model_version"], "aws_carbon.csv", line)  # fmt: skip


def _azure(r, line):
    kg = kilograms(r["latestMonthEmissions"], "kgCO2e", file="azure_carbon.csv", row=line)
    region = r.get("location") or (r["itemName"] if r.get("categoryType") == "Location" else None)
    yield _line(r["date"], "Microsoft", r.get("subscriptionId"), r["itemName"], region, r["scope"][-1], "both", kg, "", "azure_carbon.csv", line)  # fmt: skip


def _google(r, line):
    file = "google_carbon.csv"
    parts = (
        ("1", "both", "carbon_footprint_kgCO2e.scope1"),
        ("2", "location", "carbon_footprint_kgCO2e.scope2.location_based"),
        ("2", "market", "carbon_footprint_kgCO2e.scope2.market_based"),
        ("3", "both", "carbon_footprint_kgCO2e.scope3"),
    )
    for scope, basis, name in parts:
        if _is(r.get(name)):
            kg = kilograms(r[name], "kgCO2e", file=file, row=line)
            yield _line(r["usage_month"], "Google", r.get("project.id"), r.get("service.description") or r.get("service.id"),
                        r.get("location.region"), scope, basis, kg, r["carbon_model_version"], file, line)  # fmt: skip


def _line(day, provider, account, service, region, scope, basis, kg, version, file, line) -> dict[str, Any]:
    import re

    found = re.match(r"(\d{4}-(0[1-9]|1[0-2]))", str(day or ""))
    if not found:
        raise BadInput(
            f"{day!r}", "a day such as 2026-09-01", "export the month's first day", file=file, row=line
        )
    return dict(
        zip(COLUMNS, (found[1], provider, account, service, region, scope, basis, kg, version), strict=True)
    )


def _is(value: Any) -> bool:
    return value is not None and value == value
