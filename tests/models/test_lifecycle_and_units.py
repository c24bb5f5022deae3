"""Boavizta's formulas by hand; units of carbon and energy; SCI against the standard's own examples."""

from __future__ import annotations

from decimal import Decimal as D

import pandas as pd
import pytest

from helpers.models import lifecycle, sci
from helpers.models.carbon_units import intensity, kilograms, kilowatt_hours
from helpers.terms.errors import BadInput

M5 = lifecycle.Server(D(96), D(384), 2, D(24), die=D("6.15"), tdp=D(240), modules=D(12))


def test_making_by_hand():
    """Parts of a server of two processors, twelve modules of 32 GB, by the published figures."""
    assert lifecycle.cpu_making(M5) == 2 * (D("6.15") * D("1.97") + D("9.14"))
    module = D(32) / D("1.2443636363636363") * D("2.20") + D("5.22")
    assert abs(lifecycle.memory_making(M5) - 12 * module) < D("1e-20")
    assert lifecycle.rest_making() == D("66.10") + D("6.68") + 150 + 2 * D("2.99") * D("24.30")
    share = (lifecycle.cpu_making(M5) + lifecycle.rest_making()) * 8 / 96 + lifecycle.memory_making(
        M5
    ) * 32 / 384
    assert abs(lifecycle.making(M5, D(8), D(32)) * 52560 - share) < D("1e-15")


def test_ranges_are_in_order():
    for load in (D(0), D(50), D(100)):
        low, middle, high = (lifecycle.power(M5, D(8), D(32), load, n) for n in range(3))
        assert low < middle < high
    low, middle, high = (lifecycle.making(M5, D(8), D(32), n) for n in range(3))
    assert low < middle < high


@pytest.mark.parametrize(("load", "published"), [(0, "0.12"), (10, "0.32"), (50, "0.75"), (100, "1.02")])
def test_curve_goes_through_the_published_points(load, published):
    assert abs(lifecycle.load_factor(D(load)) - D(published)) < D("0.002")


@pytest.mark.parametrize("load", [D("-1"), D(110)])
def test_a_load_that_cannot_be_is_refused(load):
    with pytest.raises(BadInput, match="0 to 100 %"):
        lifecycle.load_factor(load)


@pytest.mark.parametrize(
    ("value", "unit", "kg"),
    [
        ("1", "kgCO2e", "1"),
        ("1500", "gCO2e", "1.5"),
        ("0.5", "MTCO2e", "500"),
        ("2", "tCO2e", "2000"),
        ("3", "kg CO₂eq", "3"),
        ("1", "metric tons CO2e", "1000"),
    ],
)
def test_masses(value, unit, kg):
    assert kilograms(D(value), unit) == D(kg)


def test_a_mass_without_unit_or_below_zero_is_refused_with_its_place():
    with pytest.raises(BadInput, match="gCO2e, kgCO2e or tCO2e") as caught:
        kilograms(D(1), "", file="aws_carbon.csv", row=7)
    assert (caught.value.file, caught.value.row, caught.value.column) == ("aws_carbon.csv", 7, "unit")
    with pytest.raises(BadInput, match="gross emissions"):
        kilograms(D(-1), "kgCO2e")


def test_energy_and_intensity():
    assert kilowatt_hours(D(2), "MWh") == 2000
    with pytest.raises(BadInput, match="Wh, kWh, MWh or GWh"):
        kilowatt_hours(D(2), "joule")
    assert intensity(D("0.000415755"), "tCO2e/kWh") == D("0.415755")
    assert intensity(D(320), "kgCO2e/MWh") == D("0.32")
    with pytest.raises(BadInput, match="dirtiest grids"):
        intensity(D("0.4"), "tCO2e/kWh")


def test_sci_against_the_standards_examples():
    """The specification: 1000 kg over four years, one hour: about 28 g. Its case study eShoppen: 66.6906 g."""
    hour = sci.embodied_share(D(1000), D(1), D(4 * 365 * 24), D(1), D(1)) * 1000
    assert 28 <= hour < 29
    making = sci.embodied_share(D("1205.52"), D(1), D(35040), D(2), D(16)) * 1000
    assert abs(making - D("4.305")) < D("0.005")
    assert abs(sci.score(D("0.0656"), D(951), making, D(1)) - D("66.6906")) < D("0.005")
    assert sci.score(D(1), D(1), D(1), D(0)).is_nan()


def test_sci_by_product():
    lines = pd.DataFrame(
        [
            {"period": "2026-09", "name": "gift-cards", "department": "Checkout", "grade": "B", "kind": "compute", "kwh": D(10), "operational": D(3), "embodied": D(1), "cost": D(5), "currency": "USD"},
            {"period": "2026-09", "name": "ai-input", "department": "Assist", "grade": "", "kind": "gap", "kwh": None, "operational": None, "embodied": None, "cost": D(9), "currency": "USD"},
            {"period": "2026-09", "name": "other", "department": "Checkout", "grade": "B", "kind": "compute", "kwh": D(99), "operational": D(99), "embodied": D(99), "cost": D(5), "currency": "USD"},
        ],
        dtype=object,
    )  # fmt: skip
    drivers = pd.DataFrame(
        [("2026-09-01", "Gift cards", "orders", "1500", "1"), ("2026-09-02", "Gift cards", "orders", "500", "1"),
         ("2026-08-31", "Gift cards", "orders", "9", "1"), ("2026-09-01", "Assistant", "requests", "0", "1")],
        columns=["day", "product", "driver", "value", "unit"],
    )  # fmt: skip
    found = {r["product"]: r for r in sci.by_product(lines, drivers).to_dict("records")}
    assert found["Gift cards"]["sci"] == D(2) and found["Gift cards"]["units"] == 2000  # 4 kg ÷ 2000 = 2 g
    assert found["Assistant"]["sci"].is_nan() and found["Assistant"]["unknown"] == 9
    assert len(sci.by_product(lines, None)) == 0
