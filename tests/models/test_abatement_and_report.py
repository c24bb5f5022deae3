"""Measures with money and carbon, the frontier, moves in time; exports, scopes, path and audit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.conftest import used

from helpers.models import abatement, carbon_exports, carbon_report, emissions
from helpers.terms.errors import BadInput, UsageError
from helpers.terms.period import Month


def profile(**rows) -> pd.DataFrame:
    made = [
        {
            "resource": r,
            "hours": 2000,
            "cpu": D(c),
            "peak": D(p),
            "memory": None if m is None else D(m),
            "quiet": q,
        }
        for r, (c, p, m, q) in rows.items()
    ]
    return pd.DataFrame(made, columns=["resource", "hours", "cpu", "peak", "memory", "quiet"], dtype=object)


def found(factors, rows, prof=None, purposes=None):
    lines = emissions.estimate(used(*rows), factors)
    return lines, abatement.candidates(lines, prof, factors, purposes)


def test_each_machine_gets_the_one_measure_that_fits(factors):
    rows = [{"resource": r, "name": r} for r in ("idle", "night", "large", "busy", "blind", "rare")]
    prof = profile(
        idle=("0.02", "0.04", "0.05", 168), night=("0.45", "0.6", "0.4", 113), large=("0.2", "0.3", "0.3", 0), busy=("0.9", "1", "0.8", 0),
        blind=("0.02", "0.04", None, 168), rare=("0.8", "0.9", "0.1", 157),
    )  # fmt: skip
    lines, got = found(factors, rows, prof)
    by_name = {r["name"]: r for r in got.to_dict("records")}
    assert {n: r["measure"] for n, r in by_name.items()} == {
        "idle": "idle",
        "night": "schedule",
        "large": "rightsize",
    }
    whole = lines["kg"].iloc[0]
    assert by_name["idle"]["carbon"] == whole and by_name["idle"]["money"] == 500
    assert by_name["night"]["money"] == D("336.31")  # 113 of 168 hours
    assert D(0) < by_name["large"]["carbon"] < whole and by_name["large"]["money"] == 250


def test_what_says_what_it_is_for_is_left_alone(factors):
    rows = [{"resource": "r", "name": "standby"}]
    prof = profile(r=("0.01", "0.02", "0.03", 168))
    assert len(found(factors, rows, prof)[1]) == 1
    assert len(found(factors, rows, prof, {"r": "purpose: standby"})[1]) == 0


def test_too_few_hours_say_nothing(factors):
    prof = profile(r0=("0.01", "0.02", "0.03", 168)).assign(hours=100)
    assert len(found(factors, [{}], prof)[1]) == 0


def test_only_movable_work_on_dirty_power_moves(factors):
    there = {"region": "ap-southeast-2", "name": "batch-1"}
    _, got = found(factors, [there, there | {"resource": "w", "name": "web-1"}, {"region": "us-east-1", "resource": "u", "name": "batch-2"},
                             {"region": "eu-north-1", "resource": "c", "name": "clean-batch", "cost": D(600)}])  # fmt: skip
    (move,) = got.to_dict("records")
    assert (move["name"], move["to"], move["measure"]) == ("batch-1", "eu-north-1", "region")
    assert move["money"] == D("-100.00")  # it is dearer there
    assert move["cost"] == D("116.67")  # a week side by side
    priced = abatement.priced(got, D(10_000)).iloc[0]
    assert priced["worth"] == D("-100.00") + move["carbon"] * 10 and priced["by_tonne"] > 0
    _, alone = found(factors, [there])
    assert alone.iloc[0]["money"] is None and "the price there" in alone.iloc[0]["ask"]


def test_arm_only_where_the_same_role_runs_on_it(factors):
    rows = [
        {
            "resource": "a",
            "name": "search-workers-aaaa",
            "details": '{"InstanceType":"c6g.2xlarge"}',
            "cost": D(300),
        },
        {"resource": "b", "name": "shop-workers-bbbb", "details": '{"InstanceType":"m4.2xlarge"}'},
        {"resource": "c", "name": "shop-web"},
    ]
    _, got = found(factors, rows)
    assert [(r["name"], r["measure"], r["money"]) for r in got.to_dict("records")] == [
        ("shop-workers-bbbb", "arm", D("200.00"))
    ]


@settings(deadline=None)
@given(st.lists(st.tuples(st.one_of(st.none(), st.integers(-50, 50)), st.integers(0, 50)), max_size=12))
def test_frontier_is_what_nothing_beats(pairs):
    frame = pd.DataFrame(
        [{"name": str(n), "money": None if m is None else D(m), "carbon": D(c)} for n, (m, c) in enumerate(pairs)],
        columns=["name", "money", "carbon"], dtype=object,
    )  # fmt: skip
    kept = abatement.frontier(frame).to_dict("records")
    known = [(m, c) for m, c in pairs if m is not None]
    want = {(m, c) for m, c in known if not any(a >= m and b >= c and (a, b) != (m, c) for a, b in known)}
    assert {(int(r["money"]), int(r["carbon"])) for r in kept} == want


@pytest.mark.parametrize("text", ["", "free", "-5", "NaN", "1e999999999"])
def test_a_carbon_price_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="write it like 100"):
        abatement.price_of(text)


def test_waiting_for_cleaner_hours():
    start = datetime(2026, 9, 1, tzinfo=UTC)
    hours = {start + timedelta(hours=i): D(10) for i in range(2)}
    grid = {start + timedelta(hours=i): D(g) for i, g in enumerate(("0.5", "0.5", "0.1", "0.1", "0.3"))}
    assert abatement.time_move(hours, grid, 3) == {"now": D("10.0"), "best": D("2.0"), "later": 2}
    del grid[start]
    assert abatement.time_move(hours, grid, 3)["now"] is None


def hourly(region="us-east-1", noon="0.1", unit="kgCO2e/kWh") -> pd.DataFrame:
    rows = [
        {
            "region": region,
            "start": datetime(2026, 9, 1 + n // 24, n % 24, tzinfo=UTC),
            "intensity": D(noon if 10 <= n % 24 < 14 else "0.4"),
            "unit": unit,
        }
        for n in range(48)
    ]
    return pd.DataFrame(rows, dtype=object)


def test_movable_work_waits_for_the_days_cleanest_hours(factors):
    day = abatement.clean_day(hourly())
    lines = emissions.estimate(
        used({"name": "batch-1"}, {"name": "web", "resource": "w"}),
        factors,
        {("2026-09", "r0"): emissions.Use(D("0.16"), D(720))},
    )
    (one,) = abatement.candidates(lines, None, factors, None, day).to_dict("records")
    assert one["measure"] == "time" and one["money"] == 0 and "4 hours from 10:00 UTC" in one["why"]
    mean = (D("0.4") * 20 + D("0.1") * 4) / 24
    assert abs(one["carbon"] - lines["operational"].iloc[0] * (1 - D("0.1") / mean)) < D("1e-8")
    assert abatement.clean_day(None) == {} and abatement.clean_day(hourly().head(20)) == {}


def test_hours_of_the_grid_with_a_fault_are_refused():
    twice = pd.concat([hourly(), hourly(noon="0.2")])
    with pytest.raises(BadInput, match="two intensities"):
        abatement.clean_day(twice)
    with pytest.raises(BadInput, match="dirtiest"):
        abatement.clean_day(hourly(noon="100"))


def aws(**more) -> pd.DataFrame:
    row = {"usage_period_start": "2026-09-01 00:00:00Z", "usage_account_id": "1", "product_code": "AmazonEC2", "region_code": "us-east-1",
           "total_lbm_emissions_value": D("0.05"), "total_lbm_emissions_unit": "MTCO2e", "total_mbm_emissions_value": D("0.001"),
           "total_mbm_emissions_unit": "MTCO2e", "model_version": "v2.0.0"}  # fmt: skip
    return pd.DataFrame([row | more])


GOOGLE = pd.DataFrame(
    [{"usage_month": "2026-09-01", "billing_account_id": "b", "project.id": "p", "service.description": "Compute Engine", "location.region": "europe-west1",
      "carbon_model_version": "15", "carbon_footprint_kgCO2e.scope1": D("0.5"), "carbon_footprint_kgCO2e.scope2.location_based": D(4),
      "carbon_footprint_kgCO2e.scope2.market_based": D(1), "carbon_footprint_kgCO2e.scope3": D(3)}]
)  # fmt: skip
AZURE = pd.DataFrame(
    [{"date": "2026-09-01", "scope": s, "categoryType": "Location", "itemName": "westeurope", "subscriptionId": "s", "latestMonthEmissions": D(k)}
     for s, k in (("Scope1", "0.1"), ("Scope2", "5"), ("Scope3", "7"))]
)  # fmt: skip


def test_exports_of_three_providers_in_one_form():
    frame = carbon_exports.all_of({"aws_carbon": aws(), "google_carbon": GOOGLE, "azure_carbon": AZURE})
    kg = {(r["provider"], r["scope"], r["basis"]): r["kg"] for r in frame.to_dict("records")}
    assert kg["AWS", "all", "location"] == 50 and kg["AWS", "all", "market"] == 1
    assert (
        kg["Google", "2", "location"] == 4
        and kg["Google", "2", "market"] == 1
        and kg["Google", "3", "both"] == 3
    )
    assert kg["Microsoft", "3", "both"] == 7
    assert set(frame["period"]) == {"2026-09"}


def test_exports_beside_the_estimate_add_up(factors):
    rows = [
        {},
        {"provider": "Google", "region": "europe-west1", "details": '{"InstanceType":"n2-standard-8"}'},
    ]
    lines = emissions.estimate(used(*rows), factors)
    exports = carbon_exports.all_of({"aws_carbon": aws(), "google_carbon": GOOGLE})
    got = carbon_exports.reconcile(exports, lines, "2026-09")
    place = {(r["provider"], r["part"], r["basis"]): r for r in got.to_dict("records")}
    assert (
        place["AWS", "all", "location"]["export"] == 50
        and place["AWS", "all", "location"]["estimate"] == lines["kg"].iloc[0]
    )
    parts = [place["Google", p, "location"]["difference"] for p in ("operational", "embodied")]
    assert sum(parts, D(0)) == lines["kg"].iloc[1] - D("7.5")
    assert all(r["why"] for r in got.to_dict("records"))
    assert len(carbon_exports.reconcile(exports, lines, "2026-08")) == 0


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"total_lbm_emissions_unit": ""}, "write the unit"),
        ({"usage_period_start": "soon"}, "2026-09-01"),
        ({"total_lbm_emissions_value": D(-1)}, "gross"),
    ],
)
def test_an_export_with_a_fault_is_refused_with_its_place(more, says):
    with pytest.raises(BadInput, match=says) as caught:
        carbon_exports.normal("aws_carbon", aws(**more))
    assert caught.value.file == "aws_carbon.csv" and caught.value.row == 2


def test_grams_in_an_export_are_grams():
    frame = carbon_exports.normal(
        "aws_carbon", aws(total_lbm_emissions_value=D(50_000), total_lbm_emissions_unit="gCO2e")
    )
    assert frame[frame["basis"] == "location"]["kg"].iloc[0] == 50


def months(count: int, kg="100") -> pd.DataFrame:
    names = ("low", "kg", "high", "market", "operational", "embodied", "kwh")
    start = Month(2025, 1)
    return pd.DataFrame(
        [
            {"period": str(start.plus(n))} | dict.fromkeys(names, D(kg)) | {"measured": False}
            for n in range(count)
        ],
        dtype=object,
    )


def test_path_falls_from_the_first_twelve_months():
    got = carbon_report.path(months(24)).to_dict("records")
    assert got[0]["budget"] == 100 and got[11]["budget"] == 100
    assert abs(got[23]["budget"] - (100 - D("4.2") * D("17.5") / 12)) < D(
        "1e-20"
    )  # 17.5 months after the base's middle
    assert all(r["budget"].is_nan() for r in carbon_report.path(months(11)).to_dict("records"))


def test_a_companys_budget_is_the_path_and_its_unit_counts():
    budget = pd.DataFrame([{"month": "2025-02", "department": None, "amount": D("0.09"), "unit": "tCO2e"},
                           {"month": "2025-01", "department": "Data", "amount": D(1), "unit": "kgCO2e"}])  # fmt: skip
    got = carbon_report.path(months(3), budget).to_dict("records")
    assert [str(r["budget"]) for r in got] == ["NaN", "90.00", "NaN"]


def test_esrs_and_scopes_leave_empty_what_is_not_in_a_bill(factors):
    table = carbon_report.esrs(months(15), Month(2026, 3))
    rows = {r["line"]: r for r in table.to_dict("records")}
    assert rows["Gross scope 1"]["now"] is None
    cloud = next(r for line, r in rows.items() if line.startswith("Scope 3") and "location" in line)
    assert cloud["before"] == cloud["now"] == D("0.3") and cloud["change"] == 0  # three months of 100 kg
    lines = emissions.estimate(used({}), factors)
    scope = carbon_report.scopes(lines).to_dict("records")
    assert scope[0]["location"] is None and scope[-1]["location"] == emissions.total(lines)
    assert scope[2]["location"] + scope[3]["location"] == scope[4]["location"]


def test_audit_finds_what_is_missing_and_is_content_where_it_is_there(factors):
    rows = [
        {"region": "ap-southeast-2", "name": "batch-1"},
        {"provider": "Quill AI", "unit": "Tokens", "name": "quill", "resource": "q"},
    ]
    lines, got = found(factors, rows)
    table = {r["check"]: r for r in carbon_report.audit(lines, got).to_dict("records")}
    assert table["carbon awareness"]["met"] == "no" and table["carbon awareness"]["resources"] == ("r0",)
    assert table["completeness"]["resources"] == ("q",)
    ledger = pd.DataFrame({"resource_id": ["r0"]})
    better = {
        r["check"]: r
        for r in carbon_report.audit(lines, got, actions=ledger, budget=pd.DataFrame()).to_dict("records")
    }
    assert better["carbon awareness"]["met"] == "yes" and better["target"]["met"] == "yes"
    clean = emissions.estimate(used({}), factors, {("2026-09", "r0"): emissions.Use(D("0.5"), D(720))})
    none = abatement.candidates(clean, None, factors)
    met = {r["check"]: r["met"] for r in carbon_report.audit(clean, none).to_dict("records")}
    assert (
        met["completeness"]
        == met["data quality"]
        == met["factors of the year"]
        == met["energy proportionality"]
        == "yes"
    )
