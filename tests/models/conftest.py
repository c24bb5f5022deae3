"""Rows of use and the kit's own factors."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest

from helpers.data import carbon
from helpers.models import emissions
from helpers.models.carbon_factors import Factors


@pytest.fixture(scope="session")
def factors() -> Factors:
    return Factors(carbon.tables())


def used(*rows: dict) -> pd.DataFrame:
    """Rows of use: what is not said is an AWS machine of 2026-09 in us-east-1."""
    made = []
    for n, row in enumerate(rows):
        one = dict.fromkeys(emissions.KEYS) | {
            "period": "2026-09", "provider": "AWS", "category": "Compute", "subcategory": "Virtual Machines",
            "service": "Amazon Elastic Compute Cloud", "region": "us-east-1", "resource": f"r{n}", "name": f"machine-{n}",
            "sku": f"sku{n}", "details": '{"InstanceType":"m5.2xlarge"}', "unit": "Hours", "currency": "USD", "tagged": True,
            "policy": True, "quantity": Decimal(720), "cost": Decimal(500), "charges": 30,
        }  # fmt: skip
        made.append(one | row)
    return pd.DataFrame(made, columns=[*emissions.KEYS, "quantity", "cost", "charges"], dtype=object)
