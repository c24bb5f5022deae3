"""The finance notebook on months, scopes and stores of every kind; what is planted is found, what only looks wrong is not."""

from __future__ import annotations

import csv
import io
import json
import shutil
from datetime import date
from decimal import Decimal as D

import pandas as pd
import pytest
from tests.conftest import ROOT
from tests.notebooks.making import report

from helpers import catalog
from helpers.actions.budget_plans import plans
from helpers.actions.finance_grid import by_provider
from helpers.actions.finance_review import review
from helpers.data import companions
from helpers.lessons.exercises import makers
from helpers.measures import budgets
from helpers.runs.session import begin

TRUTH = ROOT / "sample_data" / "truth"


@pytest.fixture(scope="module")
def reviewed(larkspur):
    run = begin("finance_forecasting", data=str(larkspur))
    return run, review(run)


@pytest.mark.parametrize(
    "asked", [{}, {"month": "2026-10"}, {"month": "2025-09", "provider": "Microsoft"}, {"department": "Checkout"}, {"currency": "EUR"}], ids=str
)  # fmt: skip
def test_each_month_and_scope_makes_a_report(larkspur, tmp_path, asked):
    found, words = report("finance_forecasting", larkspur, tmp_path / "report", **asked)
    assert found["month"] == asked.get("month", "2026-09")
    assert found["headline"] in " ".join(words.split())
    if "currency" not in asked:
        causes = {c["cause"]: D(c["amount"]) for c in found["change"]}
        # a delivery of September restated August; deliveries know no departments
        late = planted("missing-accrual")[0]["cost"]
        assert causes["restatement"] == (0 if asked else D(late))
    if not asked:
        assert "over its budget" in found["headline"]
        stored = (tmp_path / "report" / "files" / "forecasts.csv").read_text("utf-8")
        assert companions.recognise(stored.splitlines()[0].split(",")) == "forecasts"
        kept = tmp_path / "forecasts.csv"
        kept.write_text(stored, "utf-8")
        assert companions.read(kept).num_rows == len(list(csv.DictReader(io.StringIO(stored)))) > 20
        assert (
            companions.recognise(
                (tmp_path / "report" / "files" / "scenarios.csv")
                .read_text("utf-8")
                .splitlines()[0]
                .split(",")
            )
            == "scenarios"
        )
        shutil.copy(tmp_path / "report" / "files" / "scenarios.csv", tmp_path / "scenarios.csv")
        assert companions.read(tmp_path / "scenarios.csv").num_rows >= 3


def test_a_store_without_companion_tables_gives_an_honest_page(larkspur, tmp_path):
    bare = tmp_path / "store"
    shutil.copytree(larkspur, bare)
    shutil.rmtree(bare / "companions")
    found, words = report("finance_forecasting", bare, tmp_path / "report")
    assert "no budget" in found["headline"]
    assert "No stored forecast can be judged yet" in words
    assert {a["id"] for a in found["actions"]} <= {
        "no-budget",
        "late-cost",
        "restated",
        "hidden-cost",
        "accrue",
    }


def planted(kind: str) -> list[dict]:
    return json.loads((TRUTH / f"{kind}.json").read_text("utf-8"))


def test_what_is_planted_is_found(reviewed):
    _, r = reviewed
    of = {k: set(r.found[r.found["kind"] == k]["name"]) for k in budgets.FOUND}
    assert {p["scope"]["x_KitDepartment"] for p in planted("team-over-budget")} <= of["over-budget"]
    assert {p["scope"]["x_KitDepartment"] for p in planted("forecast-bias")} <= of["bias"]
    assert {p["scope"]["x_KitDepartment"] for p in planted("late-approval")} <= of["late-approval"]
    assert {p["scope"]["ResourceId"] for p in planted("hides-under-budget")} <= set(r.hidden["id"])
    assert {p["scope"]["ResourceId"] for p in planted("cost-without-outcome")} <= set(r.idle["id"])
    moved = {(k, a, m) for k, a, m in zip(r.late["kind"], r.late["account"], r.late["month"], strict=True)}
    assert {
        ("late", p["scope"]["BillingAccountId"], p["scope"]["x_KitPeriod"])
        for p in planted("missing-accrual")
    } <= moved
    assert {
        ("restated", p["scope"]["BillingAccountId"], p["scope"]["x_KitPeriod"])
        for p in planted("restated-month")
    } <= moved
    (late,) = planted("missing-accrual")
    assert r.late[r.late["kind"] == "late"]["change"].sum() == D(late["cost"])


def test_decoys_stay_quiet(reviewed):
    _, r = reviewed
    said = r.found.to_csv() + r.hidden.to_csv() + r.idle.to_csv()
    for decoy in planted("decoy"):
        assert not any(v in said for v in decoy["scope"].values()), decoy["title"]


def test_the_missing_account_is_accrued_before_it_comes(larkspur, reviewed):
    """On 10 September nobody knew Oracle's August: its trend says what came on the 22nd to two percent."""
    run = begin("finance_forecasting", data=str(larkspur), as_of="2026-09-10", month="2026-08")
    owed = budgets.accruals(run.charges, run.month, currency="USD", as_of=run.as_of)
    assert list(owed["source"]) == ["oci-larkspur"]
    assert abs(sum(owed["amount"], D(0)) / D(planted("missing-accrual")[0]["cost"]) - 1) < D("0.02")


def test_budgets_and_actuals_reconcile_with_the_charges(reviewed):
    run, r = reviewed
    month = run.charges.filter(run.charges.x_KitPeriod == "2026-09", run.charges.BillingCurrency == "USD")
    assert r.totals["2026-09"] == month.EffectiveCost.sum().execute()
    assert sum(r.status["actual"]) == r.totals["2026-09"]
    assert sum(r.waterfall["amount"]) == r.waterfall.attrs["total"] - r.waterfall.attrs["previous_total"]


def test_budgets_are_proposed_and_the_grid_adds_up(reviewed, tmp_path):
    run, r = reviewed
    planned = plans(run, r)
    assert [w.name for w in planned.ways] == [
        "last year × growth",
        "drivers × unit cost",
        "from zero",
        "from above",
    ]
    assert {str(m) for m in planned.months} == {m for w in planned.ways for m, _ in w.amounts}
    held = {m for m, _ in budgets.budgets(run.table("budgets"), currency="USD")}
    assert not held & {str(m) for m in planned.months} and len(planned.months) == 12
    kept = tmp_path / "budget_proposal.csv"
    kept.write_text(planned.files["budget_proposal.csv"], "utf-8")
    assert companions.recognise(kept.read_text("utf-8").splitlines()[0].split(",")) == "budgets"
    read = companions.read(kept).to_pandas()
    whole = read[read["department"].isna()]
    assert len(whole) == 12 and sum(whole["amount"]) == planned.proposed.total
    assert read["approved_by"].isna().all()
    drivers = planned.ahead.set_index("department")
    assert drivers["drivers"]["Checkout"] > D("0.5") and "Platform" not in drivers.index
    grid = by_provider(run, r)
    for month in r.outlook.months:
        cells = grid[grid["month"] == month]
        assert {d: sum(c["mean"]) for d, c in cells.groupby("department")} == r.outlook.means(month)


def test_the_forecast_of_an_earlier_day_sees_nothing_later(larkspur):
    """September forecast from the end of August: equal whether or not September is in the store."""
    late = review(begin("finance_forecasting", data=str(larkspur), month="2026-07"))
    assert late.until is not None and late.until <= date(2026, 7, 31)
    assert late.forecast["month"].min() == "2026-08"


def test_each_exercise_takes_its_answer_and_explains_each_mistake(reviewed):
    run, _ = reviewed
    made = [make(run) for make in makers("finance_forecasting")]
    assert len(made) >= 6
    for exercise in made:
        assert exercise.solution is not None, exercise.title
        assert exercise.judge(exercise.solution).state == "right"
        assert exercise.judge(...).state == "blank"
        assert len(exercise.mistakes) >= 2, exercise.title
        for mistake in exercise.mistakes:
            said = exercise.judge(mistake.answer)
            assert said.state == "wrong" and mistake.why in said.text, exercise.title


RULES = {
    "over-budget": "over-budget",
    "next-budget-breaks": "expected-over",
    "forecast-bias": "bias",
    "hidden-cost": "hidden",
    "no-budget": "no-budget",
    "accrue": "accrual",
    "late-cost": "late",
    "restated": "restated",
    "growth-without-outcome": "without-outcome",
    "approved-late": "late-approval",
}


def decided(run, rows, forecast=None, plan=None):
    found = pd.DataFrame(rows, columns=["kind", "name", "value", "amount"], dtype=object)
    found.attrs["currency"] = run.currency
    kpis = catalog.compute(
        run.charges, "finance_forecasting", run.month, as_of=run.as_of, currency="USD", history=1, finance=found, forecast=forecast, budgets=plan
    )  # fmt: skip
    return {a.id: a for a in run.playbook.decide(kpis, as_of=run.as_of, currency="USD")}


def test_each_decision_fires_for_its_finding_and_for_nothing_else(reviewed):
    run, _ = reviewed
    tight = pd.DataFrame(
        [("2026-09", None, D(1000), "USD")],
        columns=["month", "department", "amount", "currency"],
        dtype=object,
    )
    assert {d.id for d in run.playbook.decisions} == {
        *RULES,
        "forecast-wrong",
    }
    assert decided(run, [], plan=tight) == {}
    for rule, kind in RULES.items():
        fired = decided(run, [(kind, "x", None, D("12.5"))], plan=tight)
        assert set(fired) == {rule} and fired[rule].value == D("12.5")
    roomy = tight.assign(amount=[D(10**9)])
    assert "over-budget" not in decided(run, [("over-budget", "x", None, D(1))], plan=roomy)


def test_a_forecast_that_was_too_low_fires_and_one_that_held_does_not(reviewed):
    run, r = reviewed
    came = r.actual["2026-09", "Checkout"]
    columns = ["issued", "month", "department", "amount", "currency"]
    for factor, fires in ((D("0.8"), True), (D("0.97"), False)):
        stored = pd.DataFrame(
            [(date(2026, 8, 20), "2026-09", "Checkout", came * factor, "USD")], columns=columns, dtype=object
        )
        assert ("forecast-wrong" in decided(run, [], forecast=stored)) is fires
