"""The practitioner's playbook over two months, one in which every decision fires and one in which none does."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from helpers import catalog, measures
from helpers.catalog import playbooks, responsibilities
from helpers.terms.errors import BadInput, UsageError
from helpers.terms.period import Month

GOOD, BAD = "2026-08", "2026-09"
PAGE = playbooks.path("practitioner_kpis").read_text(encoding="utf-8")
DECISIONS = [d.id for d in catalog.playbook("practitioner_kpis").decisions]


@pytest.fixture(scope="module")
def months():
    """Results, causes and actions of both months."""
    return {}


@pytest.fixture
def decided(make, charge, day, months):
    if months:
        return months
    services = ("Storage", "Databases", "Network", "Queues", "Search")

    def calm(month):
        yield charge(
            month,
            EffectiveCost=70,
            BilledCost=70,
            ContractedCost=100,
            ListCost=100,
            CommitmentDiscountStatus="Used",
        )
        yield charge(month, cost=20, x_KitEligible=True)
        for name in services:
            yield charge(
                month, cost=60, ServiceName=name, ServiceCategory="Other", PricingQuantity=10, SkuId=name
            )

    rows = [r | {"x_KitTagPolicyMet": True, "x_KitLegacy": False} for m in ("2026-07", GOOD) for r in calm(m)]
    bad = [r | {"x_KitTagPolicyMet": True, "x_KitLegacy": False, "x_KitDelivery": "late"} for r in calm(BAD)]
    bad[1] |= {k: Decimal(300) for k in ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")}
    bad[1] |= {"x_KitLegacy": True, "x_KitTagged": False, "x_KitDepartment": None, "x_KitTagPolicyMet": False}
    bad[2] |= {k: Decimal(90) for k in ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")}
    azure = {"ServiceProviderName": "Microsoft", "InvoiceIssuerName": "Microsoft", "BilledCost": 0}
    bad += [
        charge(**azure, EffectiveCost=10, ContractedCost=12, ListCost=12, CommitmentDiscountStatus="Used"),
        charge(**azure, EffectiveCost=15, ContractedCost=18, ListCost=18, CommitmentDiscountStatus="Unused"),
        charge(
            **azure, EffectiveCost=50, ContractedCost=50, ServiceName="Marketplace", ServiceCategory="Other"
        ),
    ]
    table = make(rows + bad)
    deliveries = pd.DataFrame({"id": ["one", "late"], "delivered": [date(2026, 9, 2), date(2026, 10, 8)]})
    for month, loaded, invoiced in ((GOOD, True, 390), (BAD, False, 800)):
        invoices = pd.DataFrame(
            {"issuer": ["AWS"], "period": [month], "currency": ["USD"], "total": [Decimal(invoiced)]}
        )
        as_of = Month.parse(month).plus(1).start.date() + timedelta(days=8)
        kpis = catalog.compute(
            table,
            "practitioner_kpis",
            month,
            as_of=as_of,
            currency="USD",
            deliveries=deliveries,
            invoices=invoices,
            sources=pd.DataFrame({"source": ["aws", "saas"], "loaded": [True, loaded]}),
            targets={"csp-cloud-budget-burn-rate": "14"},
        )
        bridge = measures.change.bridge(table, Month.parse(month), currency="USD")
        book = catalog.playbook("practitioner_kpis")
        months[month] = book.decide(kpis, as_of=as_of, currency="USD", extra=catalog.causes(bridge))
    return months


@pytest.mark.parametrize("decision", DECISIONS)
def test_each_decision_fires_in_the_bad_month_and_not_in_the_good_one(decided, decision):
    assert decision in {a.id.split("/")[0] for a in decided[BAD]}
    assert decision not in {a.id.split("/")[0] for a in decided[GOOD]}


def test_actions_are_worth_what_the_charges_say(decided):
    worth = {a.id: a.value for a in decided[BAD]}
    assert worth["commitment-unused/Microsoft"] == 15
    assert worth["unowned-cost"] == 300
    assert worth["untagged-cost"] == 300
    assert worth["legacy"] == 300
    assert worth["no-list-price/Microsoft"] == 50
    assert worth["growth-by-rates"] == 45  # 30 by a list price, 15 by commitment unused
    assert worth["growth"] == 385
    assert worth["stale-data"] is None
    # savings: 15 % of 412 without commitments less what was saved: 412 − 395
    assert worth["savings-low"] == Decimal("44.8")
    # coverage: 70 % of 412 less 112 covered, at a fifth
    assert worth["coverage-low"] == Decimal("35.28")
    # burn: 700 billed in 30 days against 14 a day
    assert worth["over-budget"] == Decimal("280")


def test_the_largest_first_and_money_before_none(decided):
    values = [a.value for a in decided[BAD]]
    known = [v for v in values if v is not None]
    assert known == sorted(known, reverse=True)
    assert values[: len(known)] == known


def test_an_action_says_why_who_and_by_when_with_evidence(decided):
    action = next(a for a in decided[BAD] if a.id == "commitment-unused/Microsoft")
    assert action.title == "15 USD of Microsoft commitments lay unused (60 %)"
    assert action.why == "Unused commitment is 60 %, above 10 %."
    assert action.owner == "Commitment owner"
    assert action.due == date(2026, 10, 14)
    assert action.scope == {"provider": "Microsoft"}
    assert action.evidence["sum unused"] == "15"
    assert action.evidence["sum committed"] == "25"
    assert action.record()["value"] == "15"
    assert action.record()["due"] == "2026-10-14"


def test_a_rule_about_a_target_that_nobody_set_is_silent(decided, make, charge):
    kpis = catalog.compute(make([charge(cost=10**6)]), "practitioner_kpis", BAD, as_of=date(2026, 10, 9))
    fired = catalog.playbook("practitioner_kpis").decide(kpis, as_of=date(2026, 10, 9))
    assert "over-budget" not in {a.id for a in fired}


def test_a_company_s_own_target_wins(make, golden):
    def fired(**more):
        kpis = catalog.compute(make(golden), "practitioner_kpis", BAD, as_of=date(2026, 10, 9), **more)
        return {a.id for a in catalog.playbook("practitioner_kpis").decide(kpis, as_of=date(2026, 10, 9))}

    assert "savings-low" in fired()
    assert "savings-low" not in fired(targets={"effective-savings-rate-percentage:commitments": "0.01"})


# The page -----------------------------------------------------------------------------------------------------------


def test_all_five_responsibilities_are_served_by_a_section():
    book = catalog.playbook("practitioner_kpis")
    assert set(book.responsibilities) == set(responsibilities()["practitioner"])
    assert all(book.serves[duty] for duty in book.responsibilities)
    assert {duty for d in book.decisions for duty in d.serves} == set(book.responsibilities)


def test_at_least_six_decisions_and_six_headings():
    book = catalog.playbook("practitioner_kpis")
    assert len(book.decisions) >= 6
    assert list(book.sections) == list(playbooks.HEADINGS)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (PAGE, "# no front matter\n", "no front matter"),
        ("id: practitioner_kpis", "id: practitioner", "'practitioner_kpis', the stem of the file"),
        ("persona: practitioner", "persona: practicioner", "did you mean practitioner?"),
        ("[culture_change,", "[culture_chance,", "did you mean culture_change?"),
        ("cadence: ", "cadense: ", "did you mean cadence?"),
        (
            "cadence: monthly, within five working days after the provider closes the month\n",
            "",
            "no cadence",
        ),
        ("needs: [charges, deliveries", "needs: [charges, delivery", "did you mean deliveries?"),
        ("value: 0.80, why: the Foundation's", "value: high, why: the Foundation's", "'high'"),
        (
            "kpi: commitment-utilization-score, value",
            "kpi: commitment-utilisation-score, value",
            "did you mean",
        ),
        (
            "variant: commitments, value: 0.15",
            "variant: commitment, value: 0.15",
            "did you mean commitments?",
        ),
        (
            "{kpi: unified-cost-usage-visibility, value: 1,",
            "{kpi: concentration, value: 1,",
            "more or less is better",
        ),
        ("when: {op: gt, value: 0.02}", "when: {op: '>', value: 0.02}", "one of lt, le, gt, ge"),
        ("when: {op: gt, value: 0.02}", "when: {op: gt, value: 0.01 + 0.01}", "'0.01 + 0.01'"),
        ("when: {op: gt, value: 0.02}", "when: {op: gt}", "no value"),
        ("variant: rates-share", "variant: rate-share", "'rate-share'"),
        ("each: provider", "each: team", "one of provider"),
        ("within_days: 7", "within_days: soon", "within_days (int)"),
        ("within_days: 7", "within_days: -1", "0 or more"),
        ("{amount} more than", "{amount.real} more than", "one of amount"),
        ("{amount} more than", "{amount!r} more than", "one of amount"),
        ("{amount} more than", "{amount more than", "names in braces"),
        ("times: gap}", "times: gap * 2}", "one of gap, value"),
        ("- id: growth\n", "- id: over-budget\n", "'over-budget' twice"),
        (
            "serves: [cost_strategy]\n\n  - id: unowned",
            "serves: [anomalies]\n\n  - id: unowned",
            "'anomalies'",
        ),
        ("  - id: growth\n", "  - id: [growth\n", "YAML that cannot be read"),
        ("## Before you start", "## Before", "headings Question, Before"),
        ("(`kpis_and_benchmarks`)", "", "kpis_and_benchmarks served nowhere"),
    ],
)
def test_a_broken_page_is_refused_and_says_where(tmp_path: Path, old, new, says):
    assert old in PAGE
    file = tmp_path / "practitioner_kpis.md"
    file.write_text(PAGE.replace(old, new), encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        catalog.playbook("practitioner_kpis", tmp_path)
    message = str(refused.value)
    assert says in message
    assert message.startswith(str(file))
    assert "needed: " in message
    assert "remedy: " in message


def test_the_message_names_the_line(tmp_path: Path):
    (tmp_path / "practitioner_kpis.md").write_text(PAGE.replace("within_days: 7", "within_days: soon"))
    with pytest.raises(BadInput) as refused:
        catalog.playbook("practitioner_kpis", tmp_path)
    line = 1 + PAGE[: PAGE.index("within_days: 7")].count("\n")
    assert refused.value.row == line


def test_yaml_cannot_make_objects(tmp_path: Path):
    page = PAGE.replace("cadence: monthly", "cadence: !!python/object/apply:os.getcwd []\nx: monthly", 1)
    (tmp_path / "practitioner_kpis.md").write_text(page)
    with pytest.raises(BadInput, match="YAML that cannot be read"):
        catalog.playbook("practitioner_kpis", tmp_path)


def test_an_unknown_playbook_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean practitioner_kpis"):
        playbooks.path("practitioner_kpi")


def test_every_kpi_named_in_the_page_is_shown_by_its_notebook():
    shown = {r.id for r in catalog.kpis.of_notebook("practitioner_kpis")}
    named = set(re.findall(r"kpi: ([a-z-]+)", PAGE))
    assert named <= shown


def test_causes_add_rates_and_divide_by_last_month():
    bridge = pd.DataFrame(
        {
            "cause": ["list price", "negotiated", "commitment", "volume"],
            "amount": [Decimal(x) for x in (3, 1, -2, 9)],
        }
    )
    bridge.attrs["previous_total"] = Decimal(100)
    numbers = catalog.causes(bridge)
    assert numbers["change:rates"] == 2
    assert numbers["change:rates-share"] == Decimal("0.02")
    assert numbers["change:volume"] == 9
    bridge.attrs["previous_total"] = Decimal(0)
    assert "change:rates-share" not in catalog.causes(bridge)
