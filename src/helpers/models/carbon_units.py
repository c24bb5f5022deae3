"""Units of energy and carbon: read as people and exports write them, turned into kWh, kgCO2e and kgCO2e/kWh.

A number without a unit is refused, and so is one that no grid or machine can have: grams taken for kilograms are off by a
thousand, and nothing in a total shows it.
"""

from __future__ import annotations

import re
from decimal import Decimal

from helpers.terms.errors import BadInput
from helpers.terms.money import CONTEXT

MASS = {  # as written, lower case, without CO2e -> kilograms
    "g": Decimal("0.001"),
    "gram": Decimal("0.001"),
    "kg": Decimal(1),
    "kilogram": Decimal(1),
    "t": Decimal(1000),
    "mt": Decimal(1000),  # the exports' "MTCO2e" is a metric ton, never a megaton
    "ton": Decimal(1000),
    "tonne": Decimal(1000),
    "metricton": Decimal(1000),
    "metric ton": Decimal(1000),
}
ENERGY = {
    "wh": Decimal("0.001"),
    "kwh": Decimal(1),
    "mwh": Decimal(1000),
    "gwh": Decimal(1_000_000),
}  # -> kWh
DIRTIEST = Decimal(2)  # kgCO2e/kWh: the dirtiest grids are near 1


def kilograms(value: Decimal, unit: str, *, file: str | None = None, row: int | None = None) -> Decimal:
    """A mass of CO2e in kilograms [kgCO2e].

    Parameters
    ----------
    value : Decimal
        [`unit`]
    unit : str
        Such as ``gCO2e``, ``kgCO2eq``, ``tCO2e``, ``MTCO2e``; blanks, case and CO₂ do not matter.

    Raises
    ------
    BadInput
        If the unit is missing or not known, or the value is negative.

    Examples
    --------
    >>> kilograms(Decimal("0.5"), "MTCO2e"), kilograms(Decimal(250), "gCO2e")
    (Decimal('500.0'), Decimal('0.250'))
    """
    factor = MASS.get(_mass(unit))
    if factor is None:
        raise BadInput(
            f"unit {unit or '(none)'!r}",
            "gCO2e, kgCO2e or tCO2e",
            "write the unit beside the number",
            file=file,
            row=row,
            column="unit",
        )
    if value < 0:
        raise BadInput(
            f"{value} {unit}",
            "an amount of zero or more",
            "gross emissions stand without offsets or removals; leave those out",
            file=file,
            row=row,
            column="value",
        )
    return CONTEXT.multiply(value, factor)


def kilowatt_hours(value: Decimal, unit: str) -> Decimal:
    """An energy in kilowatt-hours [kWh].

    Raises
    ------
    BadInput
        If the unit is missing or not known.

    Examples
    --------
    >>> kilowatt_hours(Decimal("1.5"), "MWh")
    Decimal('1500.0')
    """
    factor = ENERGY.get(unit.strip().lower())
    if factor is None:
        raise BadInput(
            f"unit {unit or '(none)'!r}",
            "Wh, kWh, MWh or GWh",
            "write the unit beside the number",
            column="unit",
        )
    return CONTEXT.multiply(value, factor)


def intensity(value: Decimal, unit: str, *, file: str | None = None, row: int | None = None) -> Decimal:
    """Carbon by energy in kgCO2e/kWh.

    Raises
    ------
    BadInput
        If the unit is not known, or the result is below zero or above 2 kgCO2e/kWh, which no grid reaches: then the
        unit is wrong.

    Examples
    --------
    >>> intensity(Decimal("323.05"), "gCO2e/kWh"), intensity(Decimal("0.32"), "tCO2e/MWh")
    (Decimal('0.32305'), Decimal('0.32'))
    """
    above, _, below = unit.partition("/")
    mass, energy = MASS.get(_mass(above)), ENERGY.get(below.strip().lower())
    if mass is None or energy is None:
        raise BadInput(
            f"unit {unit or '(none)'!r}",
            "mass by energy, such as gCO2e/kWh, kgCO2e/kWh or tCO2e/MWh",
            "write the unit beside the number",
            file=file,
            row=row,
            column="unit",
        )
    found = CONTEXT.divide(CONTEXT.multiply(value, mass), energy)
    if not 0 <= found <= DIRTIEST:
        raise BadInput(
            f"{value} {unit}, which is {found.normalize():f} kgCO2e/kWh",
            "0 to 2 kgCO2e/kWh",
            "the dirtiest grids are near 1 kgCO2e/kWh: look for grams written as kilograms, or MWh as kWh",
            file=file,
            row=row,
            column="value",
        )
    return found


def _mass(unit: str) -> str:
    bare = unit.strip().lower().replace("₂", "2")
    return re.sub(r"\s*co2[\s-]*(eq?|equivalents?)?\.?$", "", bare).rstrip("s") or bare
