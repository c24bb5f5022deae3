"""Emission factors: the kit's dated, sourced tables, and a company's own, which win.

The kit's stand in ``factors/carbon_*.csv``, each row with source and the day it was read; a company's come as the companion
table ``carbon_factors`` (``finops ingest carbon_factors.csv``). Nothing is filled: what no row says is a gap.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import Any

FILES = ("factors", "processors", "instances", "regions")
COLUMNS = ("kind", "provider", "region", "year", "value", "low", "high", "unit", "basis", "source", "read")


@cache
def shipped(name: str) -> tuple[dict[str, str], ...]:
    """Rows of one of the kit's tables, texts as they stand there.

    Parameters
    ----------
    name : str
        ``factors`` (kind, provider, region, year, value, low, high, unit, basis, source, read), ``processors`` (watts
        by vCPU [W]), ``instances`` (size, platform, embodied [kgCO2e]) or ``regions`` (provider, region, grid zone).
    """
    file = resources.files("helpers.data.factors").joinpath(f"carbon_{name}.csv")
    return tuple(csv.DictReader(file.read_text("utf-8").splitlines()))


def tables(own: Any = None) -> dict[str, list[dict[str, str]]]:
    """All factor tables, for `helpers.models.emissions.Factors`.

    Parameters
    ----------
    own : DataFrame, optional
        The companion ``carbon_factors`` as `Run.table` gives it: its rows come under ``own`` and win.
    """
    found = {name: [dict(r) for r in shipped(name)] for name in FILES}
    rows = [] if own is None else own.to_dict("records")
    found["own"] = [{c: _text(r.get(c)) for c in COLUMNS} for r in rows]
    return found


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    return format(value.normalize(), "f") if hasattr(value, "normalize") else str(value).strip()
