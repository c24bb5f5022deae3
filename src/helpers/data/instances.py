"""The kit's table of machine types of the large providers, for candidates; no prices: those come from the charges."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from helpers.data.allocation import factors

if TYPE_CHECKING:
    import pandas as pd


@cache
def _table() -> pd.DataFrame:
    import pandas as pd

    rows = [
        {
            **row,
            "generation": int(row["generation"]),
            "vcpu": int(row["vcpu"]),
            "memory_gib": Decimal(row["memory_gib"]) if row["memory_gib"] else None,
            "burstable": row["burstable"] == "yes",
            "gpu": int(row["gpu"]),
        }
        for row in factors("instances")
    ]
    return pd.DataFrame(rows)


def instances() -> pd.DataFrame:
    """Machine types that are known, each with its source and the day it was read.

    Returns
    -------
    DataFrame
        provider (AWS, Microsoft, Google); service (machine, database, cache, search); type; family (types of one family
        differ in size only); line (families of one line follow each other) and generation in it [1]; vcpu [1];
        memory_gib [GiB] (None where the source gives none); architecture (x86_64, arm64); burstable; gpu [1]; source; read.

    Examples
    --------
    >>> t = instances().set_index("type")
    >>> int(t.loc["m6i.4xlarge", "vcpu"]), t.loc["m6i.4xlarge", "line"] == t.loc["m7g.large", "line"]
    (16, True)
    """
    return _table().copy()
