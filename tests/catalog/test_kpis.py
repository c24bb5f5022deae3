"""The records: complete, unique, bound to functions, columns and companions that exist."""

from __future__ import annotations

import inspect
from collections import Counter

import ibis
import ibis.expr.operations as ops
import pandas as pd
import pytest

from helpers import measures
from helpers.catalog import kpis, notebooks, responsibilities
from helpers.catalog.results import planned
from helpers.terms.errors import UsageError
from helpers.terms.focus import JOINED_KIT_COLUMNS, STORED_KIT_COLUMNS, columns

LIBRARY = [r for r in kpis.records() if r.number]
FULL = [r for r in kpis.records() if r.notebooks]
PRODUCT = {14, 24, 32, 79, 85, 88}  # besides those that the practitioner shows too
VARIANTS = [(r, v) for r in FULL for v in r.variants]
MEASURED = [(r, v) for r, v in VARIANTS if v.function]
PRACTITIONER = {
    6,
    15,
    21,
    28,
    34,
    54,
    58,
    60,
    2,
    25,
    33,
    45,
    48,
    59,
    62,
    63,
    66,
    86,
    7,
    17,
    20,
    22,
    64,
    76,
    81,
}
SUSTAINABILITY = {8, 9, 10, 11, 12, 13, 29, 31, 53, 57, 61}
FINANCE = {41, 43, 68, 69}
ENGINEERING = {18, 55, 56, 67, 71}
ANOMALIES = {4, 5, 84}
OURS = {
    "anomaly-cost",
    "anomaly-delay",
    "anomaly-month-more",
    "possible-saving",
    "promises-without-effect",
    "actions-without-owner",
    "cost-of-leavers",
    "total-billed-cost",
    "total-effective-cost",
    "total-contracted-cost",
    "total-list-cost",
    "concentration",
    "spot-share",
    "refunds-and-credits",
    "cost-without-list-price",
    "change",
    "negotiated-savings-rate",
    "total-emissions",
    "cost-without-emissions",
    "emissions-on-measured-use",
    "avoidable-emissions",
    "carbon-over-path",
    "old-emission-factors",
    "unreviewed-dirty-workloads",
    # finance_forecasting
    "over-budget-departments",
    "cost-without-budget",
    "forecast-bias",
    "cost-in-anothers-budget",
    "cost-delivered-late",
    "cost-restated",
    "cost-to-accrue",
    "growth-without-outcome",
    "budget-expected-to-break",
    "budget-approved-late",
    "product-unit-cost",
    "product-unit-cost-trend",
    "product-demand-trend",
    "product-margin",
    "product-marginal-cost",
    "product-leaving",
    "product-verdict",
    "product-cache-saving",
    "haste-premium",
    "bets-next",
    # procurement_commitments
    "commitment-lock-in",
    "commitment-loss",
    "commitments-lapsed",
    "commitments-ending",
    "commitments-larger-than-use",
    "commitments-wrong-family",
    "commitments-not-known",
    "commitments-to-buy",
    "order-of-planning",
    "agreement-shortfall",
    "terms-off-budget",
    "notice-near",
    "credits-not-claimed",
    "discount-not-applied",
}
COMPANIONS = {
    "deliveries": pd.DataFrame({"id": [], "delivered": []}),
    "sources": pd.DataFrame({"source": [], "loaded": []}),
    "invoices": pd.DataFrame({"issuer": [], "period": [], "currency": [], "total": []}),
    "drivers": pd.DataFrame({c: [] for c in kpis.COMPANION_COLUMNS["drivers"]}),
    "products": pd.DataFrame({c: [] for c in kpis.COMPANION_COLUMNS["products"]}),
    "contracts": pd.DataFrame(
        {"ContractCommitmentId": [], "ContractCommitmentQuantity": [], "ContractCommitmentUnit": []}
    ),
    "emissions": pd.DataFrame({c: [] for c in ("period", "category", "kg", "grade", "cost", "currency")}),
    "carbon_measures": pd.DataFrame({"measure": [], "carbon": [], "money": []}),
    "carbon_checks": {},
    "budgets": pd.DataFrame({"month": [], "amount": [], "currency": []}),
    "forecast": pd.DataFrame({"issued": [], "month": [], "amount": [], "currency": []}),
    "finance": pd.DataFrame({"kind": [], "amount": []}),
    "findings": pd.DataFrame({"resource_id": [], "kind": [], "saving": [], "currency": []}),
    "utilisation": pd.DataFrame({"used": [], "capacity": []}),
    "schedules": pd.DataFrame(columns=["resource_id", "zone", "week", "mode", "valid_from", "valid_to"]),
    "actions": pd.DataFrame({"promised": [], "currency": [], "judgement": []}),
    "leavers": pd.DataFrame({"cost": []}),
    "anomalies": pd.DataFrame({c: [] for c in kpis.COMPANION_COLUMNS["anomalies"]}),
}


def named(pairs):
    return [f"{r.id}:{v.name}{'|' + v.only if v.only else ''}" for r, v in pairs]


def test_all_88_of_the_library_are_there_once():
    assert [r.number for r in LIBRARY] == list(range(1, 89))
    assert [k for k, n in Counter(r.id for r in kpis.records()).items() if n > 1] == []
    assert [r.id for r in LIBRARY] == sorted(r.id for r in LIBRARY)  # the library's order is alphabetical
    assert Counter(r.definition for r in LIBRARY) == {"foundation": 44, "ours": 44}
    assert all(r.link == f"https://www.finops.org/kpi/{r.id}/" for r in LIBRARY)
    assert {r.id for r in kpis.records() if not r.number} == OURS


def test_full_records_are_those_that_a_notebook_shows():
    every = PRACTITIONER | ENGINEERING | ANOMALIES | FINANCE | PRODUCT | SUSTAINABILITY
    assert {r.number for r in FULL if r.number} == every
    assert {n for r in FULL for n in r.notebooks} == set(notebooks.ids())


@pytest.mark.parametrize("r", kpis.records(), ids=lambda r: r.id)
def test_record_speaks_of_things_that_exist(r):
    assert r.persona in responsibilities()
    assert r.capability
    assert set(r.needs) <= set(kpis.COMPANIONS)
    assert r.direction in kpis.DIRECTIONS
    assert bool(r.variants) == bool(r.notebooks)
    if not r.notebooks:
        assert r.needs, "a KPI of a later notebook says what it waits for"
    if r.benchmark:
        assert r.benchmark.source
        assert r.benchmark.values


@pytest.mark.parametrize(("r", "v"), VARIANTS, ids=named(VARIANTS))
def test_variant_reads_columns_that_exist(r, v):
    known = set(columns()) | set(STORED_KIT_COLUMNS) | set(JOINED_KIT_COLUMNS)
    assert set(v.columns) <= known
    assert set(v.required) <= set(v.columns)
    assert set(v.needs) <= set(kpis.COMPANIONS)
    assert v.formula.endswith(".")
    assert "{" not in v.formula
    assert bool(v.function) != bool(v.derived)


@pytest.mark.parametrize(("r", "v"), MEASURED, ids=named(MEASURED))
def test_record_and_measure_agree(r, v):
    """Function, arguments, unit and columns of the record are those of the measure that it names."""
    charges = ibis.table(measures.schema(), name="charges")
    m = planned(r, v, charges, ["x_KitPeriod"], {}, COMPANIONS).measure
    assert isinstance(m, measures.Measure)
    assert m.unit == v.unit
    if r.number:
        assert m.id == r.id
    assert set(v.arguments) <= set(inspect.signature(kpis.function(v)).parameters)
    if m.table is None:
        return
    base = charges.op()
    read = {
        f.name
        for expression in [*m.sums.values(), m.table]
        for f in expression.op().find(ops.Field)
        if f.rel == base and not (isinstance(expression, ibis.Table) and expression.op() == base)
    }
    read |= set(m.along) if m.table.op() == base else set()
    assert read - {"BillingCurrency", "x_KitPeriod"} <= set(v.columns), (
        "the record leaves out a column it reads"
    )


def test_an_unknown_id_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean concentration"):
        kpis.record("concentracion")
    with pytest.raises(UsageError, match="did you mean practitioner_kpis"):
        kpis.of_notebook("practitioner_kpi")


def test_responsibilities_are_11_personas_and_52_entries():
    known = responsibilities()
    assert len(known) == 11
    assert sum(len(duties) for duties in known.values()) == 52
    assert len({id for duties in known.values() for id in duties}) == 52
