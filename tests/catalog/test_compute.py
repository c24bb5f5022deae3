"""Values of the catalog's KPIs over charges written by hand, and what stands where there is no value."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pandas as pd
import pytest

from helpers import catalog
from helpers.terms.errors import UsageError

AS_OF = date(2026, 10, 5)
ESR = "effective-savings-rate-percentage"
COVERAGE = "percent-of-compute-spend-covered-by-commitment-based-discounts"


def taken(charges, month="2026-09", scope=None, **more):
    """Results by key; of one scope (default: the whole)."""
    more = {"as_of": AS_OF, "scope": scope} | more
    found = catalog.compute(charges, "practitioner_kpis", month, **more)
    return {k.key: k for k in found if k.scope == (scope or {})}


def test_golden_savings_rates_with_twelve_places(make, golden):
    k = taken(make(golden))
    assert k[f"{ESR}:list"].record()["value"] == "0.150000000000"
    assert k[f"{ESR}:contracted"].record()["value"] == "0.055555555556"
    assert k[f"{ESR}:commitments"].record()["value"] == "0.055555555556"
    assert k["negotiated-savings-rate"].value == Decimal("0.1")
    assert k["percentage-of-commitment-based-discount-waste"].value == Decimal("0.25")
    assert k[f"{ESR}:list"].sums == {"paid": 150, "unused": 20, "without": 200}
    assert k[f"{ESR}:list"].text == "15 %"


def test_a_result_carries_what_results_json_needs(make, golden):
    record = taken(make(golden), targets={f"{ESR}:list": "0.20"})[f"{ESR}:list"].record()
    assert record["id"] == ESR
    assert record["variant"] == "list"
    assert record["scope"] == {}
    assert (record["unit"], record["currency"], record["period"]) == ("ratio", "USD", "2026-09")
    assert (record["target"], record["status"]) == ("0.200000000000", "missed")
    assert record["benchmark"] is None
    assert record["link"] == f"https://www.finops.org/kpi/{ESR}/"
    assert "reason" not in record
    assert "34" in record["definition"]


def test_sums_keep_all_their_digits(make, charge):
    rows = [charge(cost="18.006638618400000001"), charge(cost="0.000000000000000001")]
    k = taken(make(rows))
    assert k["total-billed-cost"].record()["value"] == "18.006638618400000002"
    assert k["total-list-cost"].record()["value"] == "18.006638618400000002"


def test_previous_change_and_thirteen_months(make, charge):
    rows = [charge("2025-09", cost=7), charge("2026-08", cost=10), charge("2026-09", cost=16)]
    k = taken(make(rows))
    billed = k["total-billed-cost"]
    assert (billed.value, billed.previous, billed.change) == (16, 10, 6)
    assert len(billed.history) == 13
    assert billed.history[0] == ("2025-09", Decimal(7))
    assert billed.history[1] == ("2025-10", None)
    assert [v for _, v in billed.history[-2:]] == [10, 16]
    assert k["change"].value == 6
    assert k["change:relative"].value == Decimal("0.6")


def test_no_month_before_gives_no_change(make, charge):
    k = taken(make([charge(cost=5)]))
    assert k["change"].value is None
    assert k["change"].reason == "nothing was charged in the month before"
    assert k["total-billed-cost"].previous is None


def test_an_open_month_is_compared_over_equal_days_and_burns_by_days_covered(make, charge, day):
    def daily(month, n, cost):
        start = day(f"{month}-{n:02d}T00:00:00")
        return charge(month, cost=cost, ChargePeriodStart=start, ChargePeriodEnd=start + pd.Timedelta(days=1))

    rows = [daily("2026-09", n, 1) for n in range(1, 31)] + [daily("2026-10", n, 2) for n in range(1, 5)]
    k = taken(make(rows), "2026-10")
    assert k["change"].value == 4  # 4 days of 2 against 4 days of 1
    assert k["change:relative"].value == 1
    assert k["csp-cloud-budget-burn-rate"].value == 2
    assert k["total-billed-cost"].previous is None  # a whole month is no match for four days
    closed = taken(make(rows), "2026-10", as_of=date(2026, 11, 2))
    assert closed["change"].value == -22
    assert closed["total-billed-cost"].previous == 30


def test_currencies_stand_apart(make, charge):
    table = make([charge(cost=5), charge(cost=7, BillingCurrency="EUR")])
    found = catalog.compute(table, "practitioner_kpis", "2026-09", as_of=AS_OF)
    totals = {k.currency: k.value for k in found if k.key == "total-billed-cost" and not k.scope}
    assert totals == {"EUR": 7, "USD": 5}
    one = catalog.compute(table, "practitioner_kpis", "2026-09", as_of=AS_OF, currency="EUR")
    assert {k.currency for k in one if k.unit == "currency"} == {"EUR"}


def test_by_provider_adds_up_to_the_whole(make, charge):
    rows = [
        charge(cost="1.1"),
        charge(cost="2.2", ServiceProviderName="Microsoft"),
        charge("2026-08", cost=1),
    ]
    found = catalog.compute(make(rows), "practitioner_kpis", "2026-09", as_of=AS_OF, currency="USD")
    parts = {k.scope["provider"]: k for k in found if k.key == "total-billed-cost" and k.scope}
    assert {p: k.value for p, k in parts.items()} == {"AWS": Decimal("1.1"), "Microsoft": Decimal("2.2")}
    assert parts["AWS"].previous == 1
    assert parts["Microsoft"].previous is None


def test_a_scope_narrows_and_is_named(make, charge):
    rows = [charge(cost="1.1"), charge(cost="2.2", ServiceProviderName="Microsoft")]
    k = taken(make(rows), scope={"provider": "AWS"})
    assert k["total-billed-cost"].value == Decimal("1.1")
    found = catalog.compute(
        make(rows), "practitioner_kpis", "2026-09", as_of=AS_OF, scope={"provider": "AWS"}
    )
    assert {tuple(r.scope.items()) for r in found} == {(("provider", "AWS"),)}
    with pytest.raises(UsageError, match="scope 'colour'"):
        catalog.compute(make(rows), "practitioner_kpis", "2026-09", as_of=AS_OF, scope={"colour": "red"})


def test_the_benchmark_stands_only_in_its_own_scope(make, golden, charge):
    spot = charge(
        ListCost=100, ContractedCost=100, EffectiveCost=10, BilledCost=10, PricingCategory="Dynamic"
    )
    table = make([r | {"ServiceProviderName": "Amazon Web Services"} for r in [*golden, spot]])
    found = catalog.compute(table, "practitioner_kpis", "2026-09", as_of=AS_OF)
    with_benchmark = [k for k in found if k.id == ESR and k.benchmark]
    assert [k.scope for k in with_benchmark] == [
        {"provider": "Amazon Web Services", "category": "Compute", "without": "spot, marketplace, support"}
    ]
    assert with_benchmark[0].benchmark["values"] == {"median": "0.15", "best twentieth": "0.45"}
    assert with_benchmark[0].record()["value"] == "0.055555555556"  # spot is out
    assert [k.scope for k in found if k.key == f"{COVERAGE}:contracted" and k.benchmark] == [
        {"provider": "Amazon Web Services"}
    ]


def test_a_missing_companion_is_a_reason(make, golden):
    k = taken(make(golden))
    for key in (
        "cost-visibility-delay",
        "unified-cost-usage-visibility",
        "consumption-versus-commitment:contract",
    ):
        assert k[key].value is None
        assert k[key].reason.startswith("needs ")
        assert k[key].status == "no value"
        assert k[key].record()["value"] is None


def test_companions_give_values(make, charge):
    rows = [charge("2026-08", cost=40), charge(cost=90)]
    k = taken(
        make(rows),
        deliveries=pd.DataFrame({"id": ["zero", "one"], "delivered": [date(2026, 9, 5), date(2026, 10, 5)]}),
        sources=pd.DataFrame({"source": ["aws", "saas"], "loaded": [True, False]}),
        invoices=pd.DataFrame(
            {
                "issuer": ["AWS", "AWS"],
                "period": ["2026-08", "2026-09"],
                "currency": ["USD", "USD"],
                "total": [Decimal(40), Decimal(100)],
            }
        ),
        unheard_of="left alone",
    )
    assert k["cost-visibility-delay"].value == 4
    assert k["frequency-of-data-updates"].value == 30
    assert k["frequency-of-data-updates"].currency is None
    assert k["unified-cost-usage-visibility"].value == Decimal("0.5")
    invoiced = k["percentage-of-normalized-queryable-data-within-repository"]
    assert invoiced.value == Decimal("0.9")
    assert invoiced.previous == 1


def test_a_companion_without_its_columns_is_a_reason(make, golden):
    k = taken(make(golden), sources=pd.DataFrame({"source": ["aws"]}))
    assert k["unified-cost-usage-visibility"].reason == "the table sources has no column loaded"


def test_a_missing_column_is_a_reason(make, golden):
    k = taken(make(golden, without=("ListCost", "x_KitCores")))
    assert k["total-list-cost"].reason == "the charges have no column ListCost"
    assert k["hourly-cost-per-cpu-core"].reason == "the charges have no column x_KitCores"
    assert k["total-billed-cost"].value == 180


def test_an_empty_column_that_would_mislead_gives_no_value(make, golden):
    """Without eligibility coverage would be used ÷ used: 100 %."""
    k = taken(make([r | {"x_KitEligible": None} for r in golden]))
    for key in (f"{COVERAGE}:contracted", f"{COVERAGE}:effective", f"{ESR}:commitments"):
        assert k[key].value is None
        assert "x_KitEligible" in k[key].reason
    assert taken(make(golden))[f"{COVERAGE}:contracted"].value == Decimal("0.5")


def test_no_charges_at_all(make):
    found = catalog.compute(make([]), "practitioner_kpis", "2026-09", as_of=AS_OF, currency="USD")
    assert {k.value for k in found} == {None}
    assert all(k.reason for k in found)


def test_targets_judge_by_direction(make, golden):
    aims = {
        f"{ESR}:list": "0.15",
        "percentage-of-commitment-based-discount-waste": "0.2",
        "total-billed-cost": "1",
    }
    k = taken(make(golden), targets=pd.DataFrame({"kpi": list(aims), "target": list(aims.values())}))
    assert k[f"{ESR}:list"].status == "met"
    assert k["percentage-of-commitment-based-discount-waste"].status == "missed"
    assert k["total-billed-cost"].status == "no target"  # neither more nor less is better
    assert k["commitment-utilization-score"].target == Decimal("0.8")  # the playbook's


def test_the_company_s_budget_is_the_burn_rate_s_target(make, charge):
    budgets = pd.DataFrame(
        {
            "month": ["2026-09", "2026-09", "2026-09", "2026-08"],
            "department": ["Checkout", "Search", None, None],
            "amount": [Decimal(60), Decimal(90), Decimal(300), Decimal(1)],
            "currency": ["USD"] * 4,
        }
    )
    table, burn = make([charge(cost=330)]), "csp-cloud-budget-burn-rate"
    whole = taken(table, currency="USD", budgets=budgets)[burn]
    assert (whole.value, whole.target, whole.status) == (11, 10, "missed")
    parts = taken(table, currency="USD", budgets=budgets[budgets["department"].notna()])[burn]
    assert parts.target == 5
    mine = {"department": "Checkout"}
    assert taken(table, scope=mine, currency="USD", budgets=budgets)[burn].target == 2
    assert taken(table, currency="EUR", budgets=budgets)[burn].target is None


def test_deliveries_say_which_known_sources_are_loaded(make, charge):
    k = taken(
        make([charge(cost=1)]),
        sources=pd.DataFrame({"source": ["aws", "saas", "azure", "data centre"]}),
        deliveries=pd.DataFrame({"id": ["one"], "source": ["aws"], "delivered": [date(2026, 10, 1)]}),
    )
    assert k["unified-cost-usage-visibility"].value == Decimal("0.25")


def test_unknown_notebook(make):
    with pytest.raises(UsageError, match="practitioner_kpis"):
        catalog.compute(make([]), "practitioner", "2026-09", as_of=AS_OF)


def states(charges, **companions):
    return {f.record.id: f for f in catalog.computable(charges, **companions)}


def test_fitness_of_88_for_own_data(make, golden):
    found = states(make(golden))
    assert len(found) == 88
    assert found[ESR].state == "computable"
    assert found["total-migration-cost-savings"].state == "later notebook"
    assert "data centre figures" in found["total-migration-cost-savings"].why
    assert found["cost-visibility-delay"].state == "needs companion"
    assert found["cost-visibility-delay"].needs == ("deliveries",)
    tags = found["percentage-of-csp-cloud-costs-that-are-tagging-policy-compliant"]
    assert (tags.state, tags.needs) == ("needs companion", ("tag_policy",))
    assert "Sharper with owner rules" in found["allocation-accuracy-index-aai"].why


def test_fitness_names_the_version_and_source_that_lack_a_column(make, golden):
    old = [r | {"x_KitVersion": "1.0", "x_KitEligible": None} for r in golden]
    found = states(make(old))
    assert found[COVERAGE].state == "needs column"
    assert "x_KitEligible" in found[COVERAGE].why
    assert "aws" in found[COVERAGE].why
    used = found["consumption-versus-commitment"]
    assert used.state == "needs column"
    assert "CommitmentDiscountQuantity is absent in FOCUS 1.0; it comes with 1.1." in used.why


def test_fitness_tells_absent_usage_from_absent_columns(make, charge):
    row = charge(cost=1, ConsumedQuantity=2, ConsumedUnit="Hours", ServiceCategory="Compute")
    found = states(make([row]))["cost-per-inference"]
    assert found.state == "no such charges"
    assert found.why == "No AI service is measured in inferences."


def test_fitness_with_companions_is_what_compute_finds(make, golden):
    companions = {"sources": pd.DataFrame({"source": ["aws"], "loaded": [True]})}
    table = make(golden)
    fit = {id for id, f in states(table, **companions).items() if f.state == "computable"}
    valued = {k.id for k in taken(table, **companions).values() if k.value is not None and k.link}
    assert fit == valued
