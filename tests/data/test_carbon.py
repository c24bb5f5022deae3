"""The kit's emission factors: dated, sourced, in sensible units, and those of the tables they come from."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date
from decimal import Decimal as D

import pandas as pd
import pytest

from helpers.data import carbon, companions
from helpers.models.carbon_factors import Factors
from helpers.terms.errors import BadInput


def test_every_factor_has_year_unit_source_and_the_day_it_was_read():
    for r in carbon.shipped("factors"):
        assert r["kind"] and r["unit"] and r["source"], r
        assert 2015 <= int(r["year"]) <= 2026
        assert date.fromisoformat(r["read"]) <= date(2026, 11, 26)
        assert r["basis"] in ("location", "market", "")
        assert D(r["value"]) >= 0
        if r["low"]:
            assert D(r["low"]) <= D(r["value"])
        if r["high"]:
            assert D(r["high"]) >= D(r["value"])
    keys = Counter((r["kind"], r["provider"], r["region"], r["year"]) for r in carbon.shipped("factors"))
    assert not [k for k, n in keys.items() if n > 1]


def test_ids_are_unique_and_grids_in_sensible_bounds():
    factors = Factors(carbon.tables())
    ids = Counter(f.id for f in factors.every())
    assert not [i for i, n in ids.items() if n > 1]
    grids = [f for f in factors.every() if f.id.startswith("grid/")]
    assert len(grids) > 180 and all(D(0) <= f.value < D(1) for f in grids)


def test_machines_are_whole():
    rows = carbon.shipped("instances")
    assert len({(r["provider"], r["instance"]) for r in rows}) == len(rows) > 1000
    watts = {(r["provider"], r["architecture"]) for r in carbon.shipped("processors")}
    for r in rows:
        assert D(r["vcpu"]) > 0 and D(r["embodied_kg"]) >= 1000, r
        assert all((r["provider"], a) in watts for a in r["architectures"].split("|") if a), r
    larger = {r["instance"] for r in rows if D(r["platform_vcpu"]) < D(r["vcpu"])}
    assert larger == {"M416ms v2", "M416s v2", "NC64as T4 v3"}, (
        "as published; helpers.models.machines takes them as whole servers"
    )


def raw(shared, name):
    with (shared / "emissions" / name).open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("year", [2022, 2023, 2024])
def test_googles_regions_are_as_published(shared, year):
    mine = {
        r["region"]: r
        for r in carbon.shipped("factors")
        if r["kind"] == "grid" and r["provider"] == "Google" and r["year"] == str(year)
    }
    for r in raw(shared, f"gcp_region_carbon_{year}.csv"):
        column = next(c for c in r if c.startswith("Grid"))
        if r[column].strip():
            assert D(mine[r["Google Cloud Region"].strip()]["value"]) == D(r[column].strip())


@pytest.mark.parametrize(("provider", "file"), [("AWS", "aws"), ("Google", "gcp")])
def test_grids_and_making_are_as_published(shared, provider, file):
    grids = {
        r["region"]: r["value"]
        for r in carbon.shipped("factors")
        if r["kind"] == "grid" and r["provider"] == provider and r["year"] == "2019"
    }
    for r in raw(shared, f"ccf_grid-emissions-factors-{file}.csv"):
        assert D(grids[r["Region"]]) == D(r["CO2e (metric ton/kWh)"])
    making = {
        r["instance"]: r["embodied_kg"] for r in carbon.shipped("instances") if r["provider"] == provider
    }
    published: dict[str, list[D]] = {}
    for r in raw(shared, f"ccf_coefficients-{file}-embodied.csv"):
        published.setdefault(r["type"], []).append(D(r["total"]))
    for machine, totals in published.items():  # one row by processor that it may run on
        assert abs(D(making[machine]) - sum(totals) / len(totals)) < D("1e-9")


def test_a_point_that_the_raw_table_lost_is_set_and_said():
    rows = {
        r["region"]: r
        for r in carbon.shipped("factors")
        if r["kind"] == "grid" and r["provider"] == "Microsoft"
    }
    assert (
        rows["germanywestcentral"]["value"] == "0.000402"
        and "without its point" in rows["germanywestcentral"]["source"]
    )


HEADER = "kind,provider,region,year,value,unit,basis,source,read\n"


def test_a_companys_factors_are_recognised_and_come_as_texts(tmp_path):
    file = tmp_path / "new.csv"
    file.write_text(
        HEADER + "grid,AWS,eu-west-1,2025,250.5,gCO2e/kWh,location,supplier,2026-02-01\n", "utf-8"
    )
    assert companions.recognise(HEADER.strip().split(",")) == "carbon_factors"
    frame = companions.read(file).to_pandas()
    (row,) = carbon.tables(frame)["own"]
    assert row["value"] == "250.5" and row["year"] == "2025" and row["low"] == ""
    assert Factors(carbon.tables(frame)).grid("AWS", "eu-west-1", 2026).value == D("0.2505")
    assert carbon.tables(None)["own"] == [] and carbon.tables(pd.DataFrame())["own"] == []


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("grid,AWS,eu-west-1,2025,lots,gCO2e/kWh,location,x,2026-02-01", "value"),
        ("wind,AWS,eu-west-1,2025,1,gCO2e/kWh,location,x,2026-02-01", "kind"),
        ("grid,AWS,eu-west-1,2025,1,gCO2e/kWh,location,,2026-02-01", "source"),
        ("grid,AWS,eu-west-1,,1,gCO2e/kWh,location,x,2026-02-01", "year"),
    ],
)
def test_a_fault_in_a_factor_file_is_said_with_row_and_column(tmp_path, line, column):
    file = tmp_path / "new.csv"
    file.write_text(HEADER + line + "\n", "utf-8")
    with pytest.raises(BadInput) as caught:
        companions.read(file)
    assert caught.value.row == 2 and caught.value.column == column


EXPORTS = {
    "aws_carbon": "last_refresh_timestamp,location,model_version,payer_account_id,product_code,region_code,total_lbm_emissions_unit,total_lbm_emissions_value,"
    "total_mbm_emissions_unit,total_mbm_emissions_value,usage_account_id,usage_period_end,usage_period_start",
    "azure_carbon": "dataType,date,scope,categoryType,itemName,subscriptionId,latestMonthEmissions",
    "google_carbon": "usage_month,billing_account_id,project.id,project.number,service.description,service.id,location.location,location.region,carbon_model_version,"
    "carbon_footprint_total_kgCO2e.market_based,carbon_footprint_total_kgCO2e.location_based,carbon_footprint_kgCO2e.scope1,"
    "carbon_footprint_kgCO2e.scope2.location_based,carbon_footprint_kgCO2e.scope2.market_based,carbon_footprint_kgCO2e.scope3",
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_providers_exports_are_recognised_by_their_own_header(name):
    assert companions.recognise(EXPORTS[name].split(",")) == name
