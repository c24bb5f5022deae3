"""Software Carbon Intensity, ISO/IEC 21031: emissions by unit of what the software does.

References
----------
Green Software Foundation, Software Carbon Intensity specification 1.1 (repository Green-Software-Foundation/sci, SPEC.md)
and its case study eShoppen, read 2026-11-26.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.terms.money import CONTEXT, NAN

if TYPE_CHECKING:
    import pandas as pd

D = Decimal
UNITS = (
    "orders",
    "requests",
    "documents",
    "visitors",
    "customers",
    "tokens",
)  # which unit a product is told by, in order


def score(energy: Decimal, intensity: Decimal, embodied: Decimal, units: Decimal) -> Decimal:
    """(E × I + M) / R [gCO2e by unit]; NaN for no unit.

    Parameters
    ----------
    energy : Decimal
        E [kWh]
    intensity : Decimal
        I, location-based [gCO2e/kWh]: market-based measures do not count.
    embodied : Decimal
        M [gCO2e]
    units : Decimal
        R [units]

    Examples
    --------
    >>> score(D("0.0656"), D(951), D("4.305"), D(1))
    Decimal('66.6906')
    """
    if not units:
        return NAN
    return CONTEXT.divide(CONTEXT.multiply(energy, intensity) + embodied, units)


def embodied_share(
    total: Decimal, reserved: Decimal, life: Decimal, part: Decimal, whole: Decimal
) -> Decimal:
    """M = TE × (TiR / EL) × (RR / ToR) [unit of `total`].

    Parameters
    ----------
    total : Decimal
        TE, all of the hardware's embodied emissions.
    reserved, life : Decimal
        TiR and EL [h]
    part, whole : Decimal
        RR and ToR, such as virtual cores [1].

    Examples
    --------
    >>> round(embodied_share(D(1000), D(1), D(4 * 365 * 24), D(1), D(1)) * 1000, 1)  # kg to g, the standard's example
    Decimal('28.5')
    """
    return CONTEXT.divide(
        CONTEXT.multiply(CONTEXT.multiply(total, reserved), part), CONTEXT.multiply(life, whole)
    )


def belongs(line: Mapping[str, Any], product: str) -> bool:
    """Whether a line is a product's: its resource carries the product's name, or its department is called like it.

    Examples
    --------
    >>> belongs({"name": "gift-cards", "department": "Checkout"}, "Gift cards")
    True
    >>> belongs({"name": "ai-input", "department": "Assist"}, "Assistant")
    True
    """
    slug = re.sub(r"\W+", "-", product.lower()).strip("-")
    name = re.sub(r"\W+", "-", (line["name"] or "").lower())
    if name == slug or name.startswith(slug + "-"):
        return True
    department = (line["department"] or "").lower()
    return bool(department) and len(department) > 3 and slug.startswith(department)


def by_product(lines: Any, drivers: Any) -> pd.DataFrame:
    """SCI of each product that has business figures, for the lines' month.

    Parameters
    ----------
    lines : DataFrame
        Of `emissions.estimate`, one month.
    drivers : DataFrame or None
        Columns day, product, driver, value, unit.

    Returns
    -------
    DataFrame
        ``product``, ``per`` (the unit), ``units`` [1], ``kwh``, ``operational`` and ``embodied`` [kgCO2e], ``sci`` [gCO2e by
        unit, NaN for no unit], ``unknown`` [cost without a figure], ``currency``. A line belongs to the product whose name is the
        longest that fits, so none counts twice.
    """
    import pandas as pd

    columns = ["product", "per", "units", "kwh", "operational", "embodied", "sci", "unknown", "currency"]
    if drivers is None or not len(lines):
        return pd.DataFrame(columns=columns)
    month = str(lines["period"].iloc[0])
    mine = drivers[[str(d)[:7] == month for d in drivers["day"]]]
    names = sorted(set(mine["product"]), key=lambda p: (-len(p), p))
    parts: dict[str, list[dict[str, Any]]] = {p: [] for p in names}
    for line in lines.to_dict("records"):
        owner = next((p for p in names if _named(line, p)), None) or next(
            (p for p in names if belongs(line, p)), None
        )
        if owner:
            parts[owner].append(line)
    rows = []
    for product in sorted(names):
        said = mine[mine["product"] == product]
        per = next((u for u in UNITS if (said["driver"] == u).any()), None)
        if per is None or not parts[product]:
            continue
        units = sum((D(v) for v, d in zip(said["value"], said["driver"], strict=True) if d == per), D(0))
        known = [r for r in parts[product] if r["grade"]]
        unknown = [r for r in parts[product] if r["kind"] == "gap" and r["cost"]]
        sums = {n: sum((r[n] for r in known), D(0)) for n in ("kwh", "operational", "embodied")}
        carbon = (
            sums["operational"] + sums["embodied"]
        ) * 1000  # E × I is what the lines' operational part is
        rows.append(
            {"product": product, "per": per, "units": units, **sums, "sci": CONTEXT.divide(carbon, units) if units else NAN,
             "unknown": sum((r["cost"] for r in unknown), D(0)), "currency": unknown[0]["currency"] if unknown else ""}
        )  # fmt: skip
    return pd.DataFrame(rows, columns=columns, dtype=object)


def _named(line: Mapping[str, Any], product: str) -> bool:
    return belongs({"name": line["name"], "department": ""}, product)
