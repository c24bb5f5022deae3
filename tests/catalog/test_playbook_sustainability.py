"""The sustainability playbook: each decision in a month in which it fires and in one in which it does not."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from helpers.catalog import kpis, playbooks
from helpers.catalog.results import KpiResult

BOOK = playbooks.playbook("sustainability_emissions")
CASES = {  # decision -> (KPI, a value that fires, one that does not, sums)
    "idle-emissions": ("avoidable-emissions:idle", "75.4", "0", {"money": "5576.05"}),
    "quiet-hours": ("avoidable-emissions:schedule", "148", "0", {"money": "8687.10"}),
    "too-large": ("avoidable-emissions:rightsize", "178", "0", {"money": "10318"}),
    "dirty-region": ("avoidable-emissions:region", "90.4", "0", {}),
    "to-arm": ("avoidable-emissions:arm", "37", "0", {"money": "658.56"}),
    "over-path": ("carbon-over-path", "0.71", "-0.05", {}),
    "vendors-without-figure": ("cost-without-emissions", "0.146", "0.08", {}),
    "weak-data": ("emissions-on-measured-use", "0.154", "0.62", {}),
    "old-factors": ("old-emission-factors", "2", "0", {}),
    "no-review": ("unreviewed-dirty-workloads", "1", "0", {}),
    "untagged-carbon": (
        "percentage-of-carbon-associated-with-untagged-csp-cloud-resources",
        "0.12",
        "0.05",
        {},
    ),
}


def result(key: str, value: str, sums: dict[str, str]) -> KpiResult:
    id, _, variant = key.partition(":")
    r = kpis.record(id)
    v = next(v for v in r.variants if v.name == variant)
    return KpiResult(
        id, r.short, variant, {}, D(value), "", v.unit, None if not v.money else "USD", "2026-09", None, None, "no target", "", "", None, None, (),
        r.direction, v.digits, r.shown_as, {n: D(x) for n, x in sums.items()},
    )  # fmt: skip


def test_every_decision_has_a_case():
    assert {d.id for d in BOOK.decisions} == set(CASES)


@pytest.mark.parametrize("id", CASES)
def test_a_decision_fires_and_stays_silent(id):
    key, fires, silent, sums = CASES[id]
    as_of = date(2026, 10, 5)
    (action,) = BOOK.decide([result(key, fires, sums)], as_of=as_of, currency="USD")
    assert action.id == id and "{" not in action.title + action.do
    assert action.value == (D(sums["money"]) if sums else None)
    rule = next(d for d in BOOK.decisions if d.id == id)
    assert action.due == as_of + timedelta(days=rule.within_days)
    assert BOOK.decide([result(key, silent, dict.fromkeys(sums, "0"))], as_of=as_of, currency="USD") == []
