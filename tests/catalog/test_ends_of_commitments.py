"""Engineering's page says until when a commitment stands against a saving."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal as D
from types import SimpleNamespace

import pandas as pd
from tests.catalog.conftest import charge

from helpers.catalog import engineering
from helpers.models.advice import Advice, Found
from helpers.models.review import Review
from helpers.terms.period import Month

NIGHT = Advice(
    "schedule", "vm", "vm", "AWS", "EC2", "us-east-1", "Shop", "Ana", "m5.large", "Mon–Fri", D(90), D(0), D(60), "hours off", "high", "Quiet.",
    limits=f"not measured: disk; {engineering.ENDS}",
)  # fmt: skip


def reviewed(make, terms):
    rows = [charge(cost=90, ResourceId="vm", CommitmentDiscountId="c", CommitmentDiscountStatus="Used")]
    run = SimpleNamespace(charges=make(rows), month=Month(2026, 9), table=lambda name: terms)
    found = Review(Found(advice=[], possible=[NIGHT], cost=D(90)), {}, None, pd.DataFrame(), "USD")
    return engineering._with_ends(found, run).found.possible[0]


def test_the_day_from_which_a_saving_is_whole_is_named(make):
    terms = pd.DataFrame(
        {"ContractCommitmentId": ["c"], "ContractCommitmentPeriodEnd": [datetime(2026, 11, 20, tzinfo=UTC)]},
        dtype=object,
    )
    one = reviewed(make, terms)
    assert one.saving == 0
    assert one.limits.endswith("saved only when it ends, 2026-11-20")


def test_without_a_contract_nothing_is_promised(make):
    assert reviewed(make, None).limits == NIGHT.limits
