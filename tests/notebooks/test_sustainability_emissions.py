"""The sustainability notebook on months, scopes and stores of every kind, and against what is planted."""

from __future__ import annotations

import csv
import json
import shutil
import time
from decimal import Decimal as D
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.conftest import ROOT
from tests.notebooks.making import report, taken

from helpers.__main__ import main
from helpers.catalog.footprint import footprint
from helpers.models import emissions
from helpers.runs import begin

TRUTH = ROOT / "sample_data" / "truth"


def truth(kind: str) -> dict[str, dict]:
    """Planted things of a kind by resource: of the default seed, as the fixture's store is."""
    found = json.loads((TRUTH / f"{kind}.json").read_text("utf-8"))
    return {r["scope"]["ResourceId"]: r for r in found if "ResourceId" in r["scope"]}


@pytest.fixture(scope="session")
def used(larkspur) -> Path:
    """The sample company's store with its hourly use."""
    from helpers.data.usage import open_usage

    assert open_usage(larkspur) is not None
    return larkspur


@pytest.fixture(scope="session")
def carbon(used):
    return footprint(begin("sustainability_emissions", data=str(used), month="2026-09"))


@pytest.fixture(scope="session")
def september(used, tmp_path_factory) -> tuple[dict, str, Path]:
    """The report of the last closed month: results, words, folder."""
    to = tmp_path_factory.mktemp("september") / "report"
    started = time.perf_counter()
    found, words = report("sustainability_emissions", used, to)
    assert time.perf_counter() - started < 60
    return found, words, to


def test_the_last_closed_month_makes_a_report(september):
    found, words, to = september
    assert found["month"] == "2026-09" and found["headline"] in " ".join(words.split())
    assert {p.name for p in (to / "files").iterdir()} == {"emission-lines.csv", "esrs-e1-6.csv"}
    assert len(found["actions"]) >= 8 and all(a["due"] for a in found["actions"])


@pytest.mark.parametrize(
    "asked",
    [
        {"month": "2026-10"},  # open: four days
        {"month": "2025-09"},  # the first month
        {"month": "2026-09", "provider": "Lumenlog"},  # nothing has a figure
        {"month": "2026-09", "department": "Fernhill", "currency": "EUR", "carbon_price": "250"},
    ],
    ids=str,
)
def test_each_month_and_scope_makes_a_report(used, tmp_path, asked):
    found, words = report("sustainability_emissions", used, tmp_path / "report", **asked)
    assert found["month"] == asked["month"] and found["headline"] in " ".join(words.split())
    if asked.get("provider") == "Lumenlog":
        assert found["headline"].startswith("No emissions are known") and "Lumenlog has no figure" in words


def test_a_store_without_use_drivers_or_budget_is_an_honest_page(larkspur, tmp_path):
    import helpers.data.layout as layout

    bare = tmp_path / "store"
    shutil.copytree(larkspur, bare)
    for name in ("drivers", "usage", "budgets"):
        shutil.rmtree(bare / layout.COMPANIONS / name, ignore_errors=True)
    found, words = report("sustainability_emissions", bare, tmp_path / "report", month="2026-09")
    kpis = {k["id"]: k for k in found["kpis"] if not k.get("variant")}
    assert D(kpis["emissions-on-measured-use"]["value"]) == 0
    assert "No product has both charges and business figures" in words
    assert not {"idle-emissions", "too-large", "quiet-hours"} & {a["id"] for a in found["actions"]}, (
        "use says these, and there is none"
    )


def test_the_page_foots_to_the_lines_in_its_file(september):
    found, _, to = september
    kpis = {k["id"]: k for k in found["kpis"] if not k.get("variant")}
    with (to / "files" / "emission-lines.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sum((D(r["kg"]) for r in rows if r["kg"]), D(0)) == D(kpis["total-emissions"]["value"])
    assert kpis["total-emissions"]["currency"] is None, "carbon has no currency: it stands once"
    assert sum(1 for k in found["kpis"] if k["id"] == "total-emissions") == 1
    both = {
        k.get("variant", ""): D(k["value"])
        for k in found["kpis"]
        if k["id"] == "carbon-per-unit-of-cloud-spend" and k["currency"] == "USD"
    }
    assert abs(both[""] * both["inverse"] - 1) < D("1e-9"), "the printed formula is the inverse of the name"


def test_any_figure_is_traced_to_its_charges(carbon, used):
    from helpers.measures import activity

    run = begin("sustainability_emissions", data=str(used), month="2026-09")
    for service, kg in zip(*emissions.by(carbon.now, "service")[["service", "kg"]].T.values, strict=True):
        assert emissions.total(carbon.trace(service=service)) == kg
    line = carbon.trace().iloc[0]
    charges = activity.charges_of(run.charges, line)
    assert charges.count().execute() == line["charges"]
    assert D(charges.ConsumedQuantity.sum().execute()) == line["quantity"]
    assert "kgCO2e/kWh" in line["values"]


def test_everything_planted_for_sustainability_is_found(carbon):
    found = {r["resource"]: r for r in carbon.candidates.to_dict("records")}
    for resource, planted in truth("wasted-emissions").items():
        assert found[resource]["measure"] == "idle"
        assert abs(found[resource]["money"] - D(planted["cost"])) < D(planted["cost"]) / 20
    for resource in truth("dirty-region"):
        assert found[resource]["measure"] == "region" and "times as dirty" in found[resource]["why"]
    assert set(truth("factors-missing")) <= set(carbon.gaps["resource"])
    unseen = dict(zip(carbon.audit["check"], carbon.audit["resources"], strict=True))["carbon awareness"]
    assert set(truth("no-evidence")) <= set(unseen)


def test_what_others_planted_and_emissions_see_is_found_too(carbon):
    found = {r["resource"]: r["measure"] for r in carbon.candidates.to_dict("records")}
    for kind, measure in (
        ("idle-machine", "idle"),
        ("machine-at-night", "schedule"),
        ("oversized-machine", "rightsize"),
        ("arm-candidate", "arm"),
    ):
        assert {r: found.get(r) for r in truth(kind)} == dict.fromkeys(truth(kind), measure), kind


def test_decoys_stay_quiet(carbon):
    """Idle by month's end, by night, by plan; dear but clean: or tagged as meant: none is a measure."""
    decoys = {
        r["scope"]["ResourceId"]: r["title"]
        for r in json.loads((TRUTH / "decoy.json").read_text("utf-8"))
        if "ResourceId" in r["scope"]
    }
    hit = set(decoys) & set(carbon.candidates["resource"])
    assert hit == set()


def test_factors_of_a_file_win_and_the_page_says_so(used, tmp_path):
    folder = tmp_path / "store"
    shutil.copytree(used, folder)
    file = tmp_path / "carbon_factors.csv"
    file.write_text(
        "kind,provider,region,year,value,unit,basis,source,read\ngrid,AWS,eu-west-1,2025,250,gCO2e/kWh,location,our supplier,2026-02-01\n",
        "utf-8",
    )
    budget = tmp_path / "carbon_budget.csv"
    budget.write_text("month,department,amount,unit\n2026-09,,9,tCO2e\n", "utf-8")
    export = tmp_path / "aws.csv"
    export.write_text(
        "last_refresh_timestamp,location,model_version,payer_account_id,product_code,region_code,total_lbm_emissions_unit,total_lbm_emissions_value,"
        "total_mbm_emissions_unit,total_mbm_emissions_value,usage_account_id,usage_period_end,usage_period_start\n"
        "2026-10-01 00:00:00Z,US East,v2.0.0,1,AmazonEC2,us-east-1,MTCO2e,3.25,MTCO2e,0.1,2,2026-09-30 00:00:00Z,2026-09-01 00:00:00Z\n", "utf-8",
    )  # fmt: skip
    done = CliRunner().invoke(main, ["ingest", str(file), str(budget), str(export), "--to", str(folder)])
    assert done.exit_code == 0, done.output
    found, words = report("sustainability_emissions", folder, tmp_path / "report", month="2026-09")
    assert "1 rows are the company’s own" in words and "our supplier" in words
    kpis = {k["id"]: k for k in found["kpis"] if not k.get("variant")}
    assert kpis["old-emission-factors"]["value"] == "0.000000000000"
    assert D(kpis["carbon-over-path"]["value"]) < 0, "nine tonnes are the company's own budget"
    assert "The providers’ figures beside the estimate" in words


def test_factors_in_a_wrong_unit_stop_the_report_with_the_place(used, tmp_path):
    folder = tmp_path / "store"
    shutil.copytree(used, folder)
    file = tmp_path / "carbon_factors.csv"
    file.write_text(
        "kind,provider,region,year,value,unit,basis,source,read\ngrid,AWS,eu-west-1,2025,250,kgCO2e/kWh,location,x,\n",
        "utf-8",
    )
    assert CliRunner().invoke(main, ["ingest", str(file), "--to", str(folder)]).exit_code == 0
    done = CliRunner().invoke(
        main, ["report", "sustainability_emissions", "--data", str(folder), "--to", str(tmp_path / "report")]
    )
    assert done.exit_code != 0
    assert "carbon_factors.csv, row 2" in done.output and "grams written as kilograms" in done.output


@pytest.mark.parametrize("file", ["real", "aws 1.2"])
def test_files_of_others_make_a_report(shared, tmp_path, file):
    folder, month, _ = taken(shared, file, tmp_path)
    found, _ = report("sustainability_emissions", folder, tmp_path / "report", month=month)
    assert found["headline"]


def test_a_carbon_price_that_is_none_is_refused(used):
    from helpers.terms.errors import UsageError

    run = begin("sustainability_emissions", data=str(used), month="2026-09", carbon_price="cheap")
    with pytest.raises(UsageError, match="write it like 100"):
        footprint(run)
