"""Energy and emissions of charges: worked by hand, exact in sums, honest where something is not known."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.conftest import used

from helpers.data import carbon
from helpers.models import emissions
from helpers.models.carbon_factors import Factors
from helpers.terms.errors import BadInput, UsageError

FACTORS = Factors(carbon.tables())


def one(row: dict, factors=FACTORS, use=None, method="ccf") -> dict:
    return emissions.estimate(used(row), factors, use, method).to_dict("records")[0]


def test_a_machine_by_hand(factors):
    """m5.2xlarge, 8 cores of Sky Lake, half used, 720 h in Virginia, of a server of 96 cores."""
    line = one({}, factors, {("2026-09", "r0"): emissions.Use(D("0.5"), D(720))})
    core = (D("0.644604445425") + D("4.19343643854")) / 2
    memory = (D(384) / 2 - D("80.4303797468")) * 2 * 8 / 96 * D("0.000392")
    kwh = (core * 8 * 720 / 1000 + memory * 720) * D("1.14")
    assert abs(line["kwh"] - kwh) < D("1e-6")
    assert abs(line["operational"] - kwh * D("0.32305")) < D("1e-6")
    assert abs(line["embodied"] - D("1610.79") / 35040 * 720 * 8 / 96) < D("1e-6")
    assert line["kg"] == line["operational"] + line["embodied"]
    assert line["grade"] == "A" and not line["old"] and line["year"] == 2024
    assert {"machine/AWS/m5.2xlarge", "pue/AWS/all/2025", "grid/Google/us-east4/2024"} <= set(
        line["factors"].split(";")
    )


@pytest.mark.parametrize(
    ("row", "kind", "grade"),
    [
        ({}, "compute", "B"),  # known machine, use assumed
        ({"details": '{"InstanceType":"m9z.2xlarge"}'}, "compute", "C"),  # unknown type: its family's range
        ({"details": '{"InstanceType":"quantum"}', "cores": D(4)}, "compute", "C"),
        ({"region": "moon-1"}, "compute", "C"),  # unknown region: the range of the provider's
        ({"region": None}, "compute", "C"),
        ({"details": None, "unit": "vCPU-Hours"}, "cores", "C"),
        ({"details": None, "unit": "GB-Seconds", "quantity": D(10**6)}, "function", "C"),
        ({"details": None, "unit": "GB-Months", "category": "Storage", "subcategory": "Object Storage"}, "storage", "B"),
        ({"details": None, "unit": "GB", "category": "Networking"}, "network", "B"),
        ({"provider": "Oracle", "details": None, "unit": "OCPU Hours", "region": "eu-frankfurt-1"}, "cores", "C"),
        ({"provider": "Oracle", "details": None, "unit": "GB Hours", "region": "eu-frankfurt-1"}, "memory", "B"),
        ({"provider": "Microsoft", "details": '{"InstanceType":"Standard_D2_v2"}', "region": "West Europe"}, "compute", "B"),
        ({"provider": "Google", "details": '{"InstanceType":"n2-standard-8"}', "region": "europe-west1"}, "compute", "B"),
        ({"provider": "Lumenlog", "details": None, "unit": "Host-Months"}, "gap", ""),
        ({"details": None, "unit": "Months", "subcategory": "Support"}, "none", ""),
        ({"quantity": None}, "gap", ""),
        ({"quantity": D(-5)}, "gap", ""),
    ],
)  # fmt: skip
def test_kind_and_grade(row, kind, grade):
    line = one(row)
    assert (line["kind"], line["grade"]) == (kind, grade)
    if grade:
        assert D(0) < line["low"] <= line["kg"] <= line["high"]
    else:
        assert line["kg"] is None, "a gap is never zero"
    if kind == "gap":
        assert line["gap"]


def test_an_unknown_machine_has_a_wider_range_than_a_known_one():
    known, unknown = one({}), one({"details": '{"InstanceType":"m9z.2xlarge"}'})
    width = lambda r: (r["high"] - r["low"]) / r["kg"]  # noqa: E731
    assert width(unknown) > width(one({}, use={("2026-09", "r0"): emissions.Use(D("0.5"), D(720))}))
    assert "not in the tables" in unknown["gap"] and not known["gap"]


def test_unknown_region_takes_the_range_of_all_of_the_provider():
    line, clean, dirty = (
        one({"region": "moon-1"}),
        one({"region": "eu-north-1"}),
        one({"region": "ap-south-1"}),
    )
    assert line["low"] <= clean["low"] and line["high"] >= dirty["high"]
    assert "moon-1 is not in the tables" in line["gap"]


@pytest.mark.parametrize("load", ["0", "1"])
def test_use_at_its_ends_is_taken(load):
    line = one({}, use={("2026-09", "r0"): emissions.Use(D(load), D(720))})
    assert line["grade"] == "A" and line["load"] == D(load)


@pytest.mark.parametrize("load", ["1.1", "-0.01", "11"])
def test_use_that_cannot_be_is_said_and_assumed_instead(load):
    line = one({}, use={("2026-09", "r0"): emissions.Use(D(load), D(720))})
    assert line["grade"] == "B" and line["load"] == D("0.5")
    assert "% cannot be" in line["gap"]


def test_few_measured_hours_do_not_make_a_measured_month():
    line = one({}, use={("2026-09", "r0"): emissions.Use(D("0.2"), D(100))})
    assert line["grade"] == "B" and "less than half" in line["gap"]


def test_what_only_costs_is_taken_by_spend_with_the_lowest_grade():
    lines = emissions.estimate(used({}, {"details": None, "unit": "Tokens", "cost": D(250)}), FACTORS)
    first, second = lines.to_dict("records")
    assert (second["kind"], second["grade"]) == ("spend", "D")
    assert abs(second["kg"] - first["kg"] / 2) < D("1e-8")
    assert second["low"] == 0 and second["high"] >= second["kg"]
    alone = one({"details": None, "unit": "Tokens"})
    assert alone["kind"] == "gap" and alone["kg"] is None


def test_vendors_without_a_factor_are_gaps_with_their_cost():
    lines = emissions.estimate(
        used({"provider": "Quill AI", "unit": "Tokens", "name": "quill-out", "cost": D("13.5")}, {}), FACTORS
    )
    gaps = emissions.gaps(lines).to_dict("records")
    assert [(g["name"], g["cost"]) for g in gaps] == [("quill-out", D("13.5"))]
    assert "Quill AI reports no emissions" in gaps[0]["reason"]


def test_a_host_that_is_known_carries_a_vendors_machines():
    line = one({"provider": "Some Vendor", "host": "Amazon Web Services"})
    assert line["kind"] == "compute" and line["kg"] == one({})["kg"]


def test_factor_of_the_charges_year_or_the_nearest_earlier():
    years = {p: one({"period": p, "region": "australia", **at})["year"] for p, at in (
        ("2022-05", {"provider": "Google", "region": "europe-west1", "details": '{"InstanceType":"n2-standard-8"}'}),
        ("2023-05", {"provider": "Google", "region": "europe-west1", "details": '{"InstanceType":"n2-standard-8"}'}),
        ("2030-05", {"provider": "Google", "region": "europe-west1", "details": '{"InstanceType":"n2-standard-8"}'}),
    )}  # fmt: skip
    assert years == {"2022-05": 2022, "2023-05": 2023, "2030-05": 2024}


def test_an_old_factor_is_marked():
    lines = emissions.estimate(used({"region": "eu-west-1"}, {}), FACTORS)
    assert list(lines["old"]) == [True, False]  # Ireland 2021, Virginia 2024, charges of 2026
    assert emissions.stale(lines)[["region", "year"]].values.tolist() == [["eu-west-1", 2021]]


def test_a_companys_own_factor_wins_and_converts():
    own = [{"kind": "grid", "provider": "Amazon Web Services", "region": "eu-west-1", "year": "2025", "value": "0.2", "low": "", "high": "",
            "unit": "tCO2e/MWh", "basis": "location", "source": "supplier", "read": "2026-01-01"}]  # fmt: skip
    line = one({"region": "eu-west-1"}, Factors(carbon.tables() | {"own": own}))
    assert line["grid"] == D("0.2") and not line["old"]
    assert "own:grid/AWS/eu-west-1/2025" in line["factors"]


def test_market_based_needs_a_contract_and_else_stays_location_based():
    assert one({})["market"] == one({})["kg"]
    green = one(
        {"provider": "Google", "region": "europe-west1", "details": '{"InstanceType":"n2-standard-8"}'}
    )
    assert green["market"] < green["kg"]  # 84 % carbon-free
    own = [{"kind": "grid", "provider": "AWS", "region": "us-east-1", "year": "2025", "value": "0", "low": "", "high": "",
            "unit": "kgCO2e/kWh", "basis": "market", "source": "contract", "read": ""}]  # fmt: skip
    line = one({}, Factors(carbon.tables() | {"own": own}))
    assert line["market"] == line["embodied"] and line["kg"] == one({})["kg"]


@pytest.mark.parametrize(
    ("value", "unit", "says"),
    [
        ("323", "kgCO2e/kWh", "grams written as kilograms"),
        ("0.3", "", "mass by energy"),
        ("-1", "gCO2e/kWh", "0 to 2"),
    ],
)
def test_a_factor_in_the_wrong_unit_is_refused(value, unit, says):
    own = [{"kind": "grid", "provider": "AWS", "region": "us-east-1", "year": "2025", "value": value, "low": "", "high": "",
            "unit": unit, "basis": "location", "source": "x", "read": ""}]  # fmt: skip
    with pytest.raises(BadInput, match=says) as caught:
        Factors(carbon.tables() | {"own": own})
    assert caught.value.file == "carbon_factors.csv" and caught.value.row == 2


def test_a_share_written_as_percent_is_refused():
    own = [{"kind": "cfe", "provider": "Google", "region": "europe-west1", "year": "2025", "value": "84", "low": "", "high": "",
            "unit": "1", "basis": "market", "source": "x", "read": ""}]  # fmt: skip
    with pytest.raises(BadInput, match="percentage"):
        Factors(carbon.tables() | {"own": own})


def test_an_unknown_method_is_refused():
    with pytest.raises(UsageError, match="one of ccf, boavizta"):
        emissions.estimate(used({}), FACTORS, method="guess")


ROW = st.fixed_dictionaries(
    {
        "details": st.sampled_from(['{"InstanceType":"m5.2xlarge"}', '{"InstanceType":"x9q.large"}', None, "not json"]),
        "unit": st.sampled_from(["Hours", "GB-Months", "GB", "Tokens", "vCPU-Hours", "GB-Seconds", "TB-Months", ""]),
        "category": st.sampled_from(["Compute", "Storage", "Networking", "Databases"]),
        "provider": st.sampled_from(["AWS", "Microsoft", "Google", "Oracle", "Quill AI"]),
        "region": st.sampled_from(["us-east-1", "europe-west1", "moon-1", None]),
        "service": st.sampled_from(["a", "b", "c"]),
        "quantity": st.decimals(0, 10**6, places=4),
        "cost": st.decimals(-10, 10**5, places=6),
    }
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=8), st.sampled_from(["ccf", "boavizta"]))
def test_lines_add_up_exactly_and_stay_in_their_range(rows, method):
    lines = emissions.estimate(used(*rows), FACTORS, method=method)
    whole = emissions.total(lines)
    assert sum(emissions.by(lines, "service")["kg"], D(0)) == whole
    assert sum((emissions.total(emissions.trace(lines, service=s)) for s in ("a", "b", "c")), D(0)) == whole
    assert emissions.total(lines, "operational") + emissions.total(lines, "embodied") == whole
    for r in lines.to_dict("records"):
        if r["grade"]:
            assert D(0) <= r["low"] <= r["kg"] <= r["high"]
            assert r["kg"].as_tuple().exponent == -9
        else:
            assert r["kg"] is None


def test_trace_says_each_factor_with_its_source():
    lines = emissions.estimate(used({}, {"service": "other"}), FACTORS)
    found = emissions.trace(lines, FACTORS, service="other")
    assert len(found) == 1 and emissions.total(found) == lines["kg"].iloc[1]
    assert (
        "grid/Google/us-east4/2024 = 0.32305 kgCO2e/kWh (GoogleCloudPlatform/region-carbon-info 2024"
        in found["values"].iloc[0]
    )
    with pytest.raises(UsageError, match="no column nothing"):
        emissions.trace(lines, nothing=1)


def test_carbon_of_resources():
    lines = emissions.estimate(
        used({}, {"resource": "r0", "unit": "GB", "category": "Networking", "details": None}), FACTORS
    )
    found = emissions.carbon_of(["r0", "nobody"], lines)
    assert found == {"r0": emissions.total(lines), "nobody": None}
