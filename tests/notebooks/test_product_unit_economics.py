"""The product's notebook on the sample company: what is planted is found, decoys stay quiet, and bare stores get a page."""

from __future__ import annotations

import json
from decimal import Decimal as D
from types import SimpleNamespace

import pytest
from tests.conftest import ROOT
from tests.notebooks.making import report, taken

from helpers.catalog.product_economics import Economics
from helpers.lessons import exercise
from helpers.lessons.exercises import makers
from helpers.runs import begin
from helpers.terms.errors import UsageError

TRUTH = ROOT / "sample_data" / "truth"
ID = "product_unit_economics"


def planted(kind):
    return json.loads((TRUTH / f"{kind}.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def run(larkspur):
    return begin(ID, data=str(larkspur), month="2026-09")


@pytest.fixture(scope="module")
def books(run):
    return Economics(run)


@pytest.fixture(scope="module")
def sheet(books):
    return {r["product"]: r for r in books.sheet().to_dict("records")}


@pytest.fixture(scope="module")
def owner(books, run):
    """ResourceId → product, of everything that ran for one in the last months."""
    from helpers.measures import products

    found = {}
    for back in range(7):
        found |= products.resources(run.charges, books.products, run.month.plus(-back))
    return found


def subjects(kind, owner):
    return {owner[r["scope"]["ResourceId"]] for r in planted(kind)}


def test_whose_unit_cost_rises_is_found_and_nobody_else(books, owner):
    rising = {
        p["product"] for p in books.panels() if p["rises"] and not p["falls"] and p["rate"] >= D("0.01")
    }
    assert rising == subjects("unit-cost-rises", owner) == {"Recommendations", "Image editor"}
    assert subjects("cost-without-outcome", owner) <= rising


def test_where_revenue_pays_for_all_is_said_where_it_can_be(sheet, books):
    assert sheet["Assistant"]["break_even"] == "at no volume", "one more request costs more than it earns"
    assert sheet["Search"]["break_even"] == "", "no revenue is known"
    now = {r["product"]: r for r in books.now.to_dict("records")}
    said, row = sheet["Documents"]["break_even"], now["Documents"]
    units = D(said.split()[0].replace(",", ""))
    assert said.endswith(" documents") and units > row["units"] * row["per"], "it loses money today"
    fit = books.fits["Documents"]
    earned = units / row["per"] * (row["revenue"] / row["units"] - fit.per_unit)
    assert abs(earned - fit.fixed * books.run.month.days) < D("0.02"), (
        "what is left of each unit pays for the fixed part"
    )


def test_whom_to_end_and_whom_to_scale_is_found_and_nobody_else(sheet, owner):
    by = {v: {p for p, r in sheet.items() if r["verdict"] == v} for v in ("decommission", "scale")}
    assert by["decommission"] == subjects("decommission-candidate", owner) == {"Coupons", "Forum", "Export"}
    assert by["scale"] == subjects("scale-candidate", owner) == {"Gift cards"}


def test_the_loss_on_each_document_is_the_planted_one(books):
    (record,) = planted("loss-on-each-unit")
    losing = {
        r["product"] for r in books.now.to_dict("records") if not r["margin"].is_nan() and r["margin"] < 0
    }
    assert losing == {"Documents", "Assistant"}  # the assistant loses too: not planted, and so in the charges
    lost = []
    for month in books.months[
        -3:
    ]:  # the truth takes Fernhill whole: what it exports is a product of its own here
        rows = {
            r["product"]: r for r in books.monthly[books.monthly["month"] == str(month)].to_dict("records")
        }
        lost.append(rows["Documents"]["cost"] + rows["Export"]["cost"] - rows["Documents"]["revenue"])
    assert abs(sum(lost) / 3 - D(record["cost"])) < D("0.01") * D(record["cost"])


def test_models_without_a_cache_are_found_with_their_saving(books):
    found = {r["model"]: r["saving"] for r in books.models.to_dict("records")}
    values = {
        "Amazon Bedrock": D(planted("uncached-model")[0]["value"]),
        "Quill Models": D(planted("uncached-model")[1]["value"]),
    }
    assert found.keys() == values.keys()
    for model, value in values.items():
        assert abs(found[model] - value) < D("0.25") * value  # their two fifths against the truth's own share


def test_the_premium_of_haste_is_found_once(books):
    (record,) = planted("haste-premium")
    (row,) = books.haste.to_dict("records")
    assert record["title"].startswith(row["resource"])
    assert (row["cost"] - D(record["cost"])).quantize(D("0.01")) in (D("-0.01"), D(0), D("0.01"))
    assert abs(row["premium"] - D(record["value"])) < D("0.15") * D(record["value"])


def test_bets_on_the_planted_products_are_ranked(books, owner):
    ranked = set(books.plan()["frame"]["product"])
    assert {owner[r["scope"]["ResourceId"]] for r in planted("bet-to-rank")} <= ranked
    assert books.plan()["gain"] > books.plan()["greedy"]  # the list by return would leave money over


def test_decoys_stay_quiet(books, sheet, owner):
    """A launch that jumps and a planned burst of training move no verdict and no trend."""
    named = {r["title"].split(" looks")[0]: r for r in planted("decoy")}
    assert owner.get(named["cart-assets"]["scope"]["ResourceId"]) == "Shop"
    assert sheet["Shop"]["verdict"] == "hold"
    training = named["train-8e65"]["scope"]["ResourceId"]
    assert training not in owner  # it builds: in no unit cost
    assert not books.trends["Assistant"]["unit_cost"].rises


def test_bridges_add_up_and_mix_has_its_place(books):
    for frame in (books.bridge("Recommendations"), books.bridge("Documents"), books.family_bridge()):
        assert sum(frame["amount"], D(0)) == frame.attrs["total"] - frame.attrs["previous_total"]
    assert set(books.family()) == {"Shop", "Gift cards", "Coupons"}
    mix = dict(zip(books.family_bridge()["cause"], books.family_bridge()["amount"], strict=True))["mix"]
    assert mix


def test_shared_cost_is_shared_out_to_the_last_digit(books):
    frame = books.shared()
    for method in ("even", "proportional", "by rule"):
        assert sum(frame[method], D(0)) == sum(books.pool.values(), D(0))


@pytest.mark.parametrize("number", range(1, len(makers(ID)) + 1))
def test_each_exercise_takes_its_answer_and_explains_its_mistakes(run, number):
    task = exercise(run, number)
    assert task.solution is not None
    assert task.judge(task.solution).state == "right"
    assert task.judge(...).state == "blank"
    assert len(task.mistakes) >= 2
    for mistake in task.mistakes:
        said = task.judge(mistake.answer)
        assert said.state == "wrong" and mistake.why in said.text
    assert (
        "Hint" in task.judge("Shop" if task.kind == "choice" and task.solution != "Shop" else "123456").text
        or task.kind == "choice"
    )


def test_exercises_have_something_to_say_where_there_is_nothing_to_ask(larkspur):
    bare = begin(ID, data=str(larkspur), month="2026-09", provider="Oracle")
    for number in range(1, len(makers(ID)) + 1):
        task = exercise(bare, number)
        assert task.solution is not None or task.because


@pytest.mark.parametrize(
    "asked",
    [{"month": "2026-10", "product": "Documents"}, {"month": "2025-09", "provider": "Oracle"}, {"currency": "EUR"}],
    ids=str,
)  # fmt: skip
def test_each_month_and_scope_makes_a_report(larkspur, tmp_path, asked):
    found, words = report("product_unit_economics", larkspur, tmp_path / "report", **asked)
    assert found["headline"] in words
    assert (tmp_path / "report" / "files" / "rule_sheet.csv").is_file()


def test_a_store_without_companions_makes_an_honest_page(shared, tmp_path):
    folder, month, _ = taken(shared, "aws 1.2", tmp_path)
    _, words = report("product_unit_economics", folder, tmp_path / "report", month=month)
    assert "products.csv says which charges belong to which product" in words


@pytest.mark.parametrize(("name", "value"), [("product", "Nope"), ("budget", "much"), ("budget", "-1")])
def test_a_parameter_that_cannot_be_is_refused(books, name, value):
    with pytest.raises(UsageError):
        books.chosen(value) if name == "product" else books.plan(value)


def test_without_tables_there_are_no_numbers_and_no_crash(run):
    bare = SimpleNamespace(
        **{
            n: getattr(run, n)
            for n in ("charges", "month", "currency", "as_of", "open", "chosen", "currencies", "playbook")
        }
    )
    bare.table, bare.usage = (lambda name: None), None
    books = Economics(bare)
    assert len(books.now) == 0 and books.watched == "" and books.family() == [] and books.loads == {}
    assert books.bridge("").attrs["reason"]
    assert len(books.sheet()) == 0 and books.results(books.sheet(), books.plan())[-1].value is None
