"""FOCUS Cost and Usage columns, versions 1.0 to 1.4, and the kit's own ``x_Kit`` columns.

References
----------
FinOps Open Cost and Usage Specification 1.4, data model workbook, https://focus.finops.org (read 2026-11-23),
as packed by guymano/focus-data-toolkit 0.12, CC BY 4.0. Facts only: id, type, nulls, version, allowed values.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")
COSTS = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")
DECIMAL = "DECIMAL(38,18)"


@dataclass(frozen=True)
class Column:
    """One FOCUS column.

    Attributes
    ----------
    id : str
        Column id, verbatim.
    kind : str
        ``decimal``, ``text``, ``time``, ``json`` (kept as text) or ``tags`` (a MAP from ingest on).
    level : str
        ``mandatory``, ``conditional``, ``recommended`` or ``optional`` in 1.4.
    nulls : bool
        Whether 1.4 allows null.
    since, until : str
        First version with the column; last version with it, or empty.
    format : str
        The specification's value format.
    allowed : tuple of str
        Allowed values, empty where free.
    """

    id: str
    kind: str
    level: str
    nulls: bool
    since: str
    until: str
    format: str
    allowed: tuple[str, ...]

    @property
    def sql_type(self) -> str:
        """DuckDB type of the stored column."""
        types = {"decimal": DECIMAL, "time": "TIMESTAMP WITH TIME ZONE", "tags": "MAP(VARCHAR, VARCHAR)"}
        return types.get(self.kind, "VARCHAR")


def _read(name: str) -> list[dict[str, str]]:
    text = resources.files("helpers.terms").joinpath(name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def all_columns() -> dict[str, Column]:
    """Every Cost and Usage column of any version 1.0 to 1.4, by id."""
    return {
        r["id"]: Column(
            r["id"],
            r["kind"],
            r["level"],
            r["nulls"] == "yes",
            r["since"],
            r["until"],
            r["format"],
            tuple(a for a in r["allowed"].split("|") if a),
        )
        for r in _read("focus_columns.csv")
    }


@cache
def columns(version: str = "1.4") -> dict[str, Column]:
    """Columns of one version, by id, in the specification's (alphabetical) order.

    Examples
    --------
    >>> "ProviderName" in columns("1.0"), "ProviderName" in columns("1.4"), len(columns())
    (True, False, 65)
    """
    return {
        c.id: c for c in all_columns().values() if c.since <= version and (not c.until or version <= c.until)
    }


@cache
def subcategories() -> dict[str, str]:
    """ServiceCategory of each ServiceSubcategory."""
    return {r["subcategory"]: r["category"] for r in _read("focus_subcategories.csv")}


# Our own columns: id, DuckDB type, meaning. Stored ones are written at ingest; joined ones come with open_charges.
STORED_KIT_COLUMNS = {
    "x_KitSource": ("VARCHAR", "name of the export the charge came from"),
    "x_KitDelivery": ("VARCHAR", "id of the delivery that brought the charge"),
    "x_KitFile": ("VARCHAR", "name of the file the charge stood in"),
    "x_KitVersion": ("VARCHAR", "FOCUS version of that file, 1.0 to 1.4"),
    "x_KitPeriod": ("VARCHAR", "billing month, YYYY-MM, of BillingPeriodStart in UTC"),
    "x_KitSlice": ("VARCHAR", "source|account|period: the unit a delivery replaces; the Delta partition"),
    "x_KitPublisherName": ("VARCHAR", "PublisherName of versions before 1.4: who made the product"),
    "x_KitAllocationKey": ("BIGINT", "hash of what allocation rules look at; joins the allocation table"),
    "x_KitCores": (DECIMAL, "virtual cores of the SKU, from SkuPriceDetails CoreCount; null where not said"),
    "x_KitExact": ("MAP(VARCHAR, VARCHAR)", "column to source text, where a value has more than 18 places"),
    "x_KitOther": (
        "MAP(VARCHAR, VARCHAR)",
        "unknown columns and texts that no typed column can hold, by name",
    ),
}
JOINED_KIT_COLUMNS = {
    "x_KitOwner": ("VARCHAR", "owner by the allocation rules; null where no rule fits"),
    "x_KitDepartment": (
        "VARCHAR",
        "department by the allocation rules; the sub-account where there are no rules",
    ),
    "x_KitShared": ("VARCHAR", "'distributed' or 'undistributed' for a shared cost, else null"),
    "x_KitTagged": ("BOOLEAN", "at least one tag with a value"),
    "x_KitTagPolicyMet": (
        "BOOLEAN",
        "every required tag key present with an allowed value; null without a policy",
    ),
    "x_KitLegacy": ("BOOLEAN", "a superseded generation; null where the generation is not known"),
    "x_KitTier": ("VARCHAR", "storage tier: 'frequent', 'infrequent' or 'archive'; null where not known"),
    "x_KitEligible": ("BOOLEAN", "a commitment discount could cover this usage; see docs/measures.md"),
}
