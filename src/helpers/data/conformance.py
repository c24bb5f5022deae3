"""What in the charges breaks the specification, or a reader's trust, and what that does to the KPIs.

Rules are data: a condition on one charge, in words for people. All of them are counted in one pass; what needs more than
one charge (duplicates, spellings, products of price and quantity, invoices) follows. Nothing here changes a charge.

References
----------
FinOps Open Cost and Usage Specification, requirements model (specification/requirements_model/model_rules of FOCUS_Spec,
read 2026-11-24): the ids that the validator prints, ``CAU-…`` from version 1.3 on, without that prefix in 1.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from helpers.data.allocation import alike, collisions, query
from helpers.terms import focus
from helpers.terms.currencies import is_national
from helpers.terms.money import CONTEXT, exact, plain, total

if TYPE_CHECKING:
    import pyarrow

HIGH, MEDIUM, LOW, NOTE = "high", "medium", "low", "note"
SEVERITIES = (HIGH, MEDIUM, LOW, NOTE)
EXAMPLES = 3
PRODUCTS = 10_000  # distinct price, quantity and cost that are multiplied, dearest first
ROUNDING = Decimal("0.01"), Decimal("0.001")  # a product may differ by a cent and by a thousandth
CENT = Decimal("0.01")
KEYS = ("x_KitFile", "x_KitPeriod", "ServiceProviderName", "ChargeDescription")


@dataclass(frozen=True)
class Finding:
    """One kind of trouble, and where it is.

    Attributes
    ----------
    rule : str
        Id of the validator where it has one, else ours.
    title : str
        What was found, in a few words.
    column : str
    section : str
        Version and section of the specification, or what else asks for it.
    severity : str
        ``high``: a KPI is wrong; ``medium``: a KPI is partial; ``low``: looks bad, counts right; ``note``: to know.
    count : int
        Charges concerned [1].
    billed : dict
        Currency -> billed cost of those charges [currency].
    examples : tuple of str
        Up to three, each with its file.
    consequence, remedy : str
        One sentence each: for the KPIs, and for the person.
    """

    rule: str
    title: str
    column: str
    section: str
    severity: str
    count: int
    billed: Mapping[str, Decimal] = field(default_factory=dict)
    examples: tuple[str, ...] = ()
    consequence: str = ""
    remedy: str = ""

    def record(self) -> dict[str, Any]:
        """The same as plain data, for ``--json``."""
        return {f: getattr(self, f) for f in self.__dataclass_fields__} | {
            "billed": {c: plain(v) for c, v in self.billed.items()},
            "examples": list(self.examples),
        }


@dataclass(frozen=True)
class InvoiceLine:
    """One issuer's month: what was charged, what the invoice says.

    Attributes
    ----------
    issuer, period, currency : str
    billed : Decimal
        Billed cost of the charges [currency].
    invoiced : Decimal or None
        Total of the invoices [currency]; None where none is known.
    """

    issuer: str
    period: str
    currency: str
    billed: Decimal
    invoiced: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        """Billed minus invoiced [currency]; None without an invoice."""
        return None if self.invoiced is None else CONTEXT.subtract(self.billed, self.invoiced)


def findings(
    charges: Any, deliveries: Any = None, companions: Mapping[str, pyarrow.Table | None] | None = None
) -> list[Finding]:
    """Everything that a person should know about these charges before trusting a number.

    Parameters
    ----------
    charges : ibis Table
        As ``open_charges`` gives it, on DuckDB.
    deliveries : DataFrame, optional
        As ``store.deliveries`` gives it; not needed by any rule yet.
    companions : mapping, optional
        ``invoices`` is reconciled.

    Returns
    -------
    list of Finding
        Worst first.

    Examples
    --------
    >>> [f.rule for f in findings(charges)]  # doctest: +SKIP
    ['kit-effective-cost-whole', 'CAU-ChargeFrequency-C-003-M']
    """
    found = [
        *_by_charge(charges),
        *_spellings(charges),
        *_currencies(charges),
        *_providers(charges),
        *_tag_keys(charges),
        *_duplicates(charges),
        *_products(charges),
        *_residue(charges),
        *_absent(charges),
        *_invoices(charges, (companions or {}).get("invoices")),
    ]
    return sorted(found, key=lambda f: (SEVERITIES.index(f.severity), -f.count, f.rule))


# --- rules on one charge --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A condition that a good charge does not meet, and the words for it."""

    id: str
    title: str
    column: str
    severity: str
    breaks: Callable[[Any], Any]
    consequence: str
    remedy: str
    section: str = ""

    @property
    def where(self) -> str:
        """Section of the specification."""
        return self.section or f"FOCUS 1.4, Cost and Usage, {self.column}"


NOT_NULL_IDS = {
    "BilledCost": "CAU-BilledCost-C-003-M",
    "EffectiveCost": "CAU-EffectiveCost-C-003-M",
    "ContractedCost": "CAU-ContractedCost-C-003-M",
    "ListCost": "CAU-ListCost-C-003-M",
    "BillingAccountId": "CAU-BillingAccountId-C-001-M",
    "BillingCurrency": "CAU-BillingCurrency-C-004-M",
    "ChargeCategory": "CAU-ChargeCategory-C-002-M",
    "ChargeFrequency": "CAU-ChargeFrequency-C-002-M",
    "ChargePeriodStart": "CAU-ChargePeriodStart-C-003-M",
    "ServiceCategory": "CAU-ServiceCategory-C-002-M",
    "ServiceSubcategory": "CAU-ServiceSubcategory-C-002-M",
}
ALLOWED_IDS = {
    "ChargeCategory": "CAU-ChargeCategory-C-003-M",
    "ChargeFrequency": "CAU-ChargeFrequency-C-003-M",
    "PricingCategory": "CAU-PricingCategory-C-007-M",
    "ServiceCategory": "CAU-ServiceCategory-C-003-M",
    "ServiceSubcategory": "CAU-ServiceSubcategory-C-003-M",
}
ASK = "Ask the provider to correct the export."


def _not_null(column: focus.Column) -> Rule:
    cost = column.id in focus.COSTS
    return Rule(
        NOT_NULL_IDS.get(column.id, f"kit-null-{column.id}"),
        f"no {column.id} where one is demanded",
        column.id,
        HIGH if cost else MEDIUM,
        # what a version did not know is absent, not wrong; ServiceProviderName is raised from ProviderName
        lambda c: (
            c[column.id].isnull()
            & (c.x_KitVersion >= ("1.0" if column.id == "ServiceProviderName" else column.since))
        ),
        f"These charges stay out of every KPI that needs {column.id}; the share they make up is shown."
        if cost
        else f"These charges show as 'not said' wherever {column.id} is a dimension.",
        ASK,
    )


def _allowed(column: focus.Column) -> Rule:
    return Rule(
        ALLOWED_IDS.get(column.id, f"kit-allowed-{column.id}"),
        f"a {column.id} that the specification does not know",
        column.id,
        MEDIUM,
        lambda c: c[column.id].notnull() & ~c[column.id].isin(column.allowed),
        f"KPIs that select by {column.id} leave these charges out.",
        ASK,
    )


def _usage(c: Any) -> Any:
    return (c.ChargeCategory == "Usage") & c.ChargeClass.isnull()


def _whole(value: Any) -> Any:
    return value == value.cast("decimal(38,0)").cast("decimal(38,18)")


def _cut(c: Any, cost: str) -> Any:
    """Whole units where the bill has cents, and not because a commitment or a free tier paid: that leaves nothing billed."""
    return (
        _usage(c)
        & c.CommitmentDiscountStatus.isnull()
        & _whole(c[cost])
        & ~_whole(c.BilledCost)
        & (c[cost].abs() <= c.BilledCost.abs() + 1)
    )


SAVINGS = "Savings rates of these charges are unreliable"


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule on one charge, in the order of the specification's columns, then ours."""
    demanded = [_not_null(c) for c in focus.columns().values() if not c.nulls and c.level == "mandatory"]
    listed = [_allowed(c) for c in focus.columns().values() if c.allowed]
    pairs = {f"{category}|{sub}" for sub, category in focus.subcategories().items()}
    return (
        *demanded,
        *listed,
        Rule(
            "kit-effective-cost-whole",
            "effective cost cut to whole units while billed cost has cents",
            "EffectiveCost",
            HIGH,
            lambda c: _cut(c, "EffectiveCost"),
            f"{SAVINGS}, and totals of effective cost are off by up to one unit a charge.",
            "Ask for an export with full precision; until then read billed cost.",
        ),
        Rule(
            "kit-contracted-cost-whole",
            "contracted cost cut to whole units while billed cost has cents",
            "ContractedCost",
            HIGH,
            lambda c: _cut(c, "ContractedCost"),
            f"{SAVINGS}: negotiated and commitment savings cannot be told apart.",
            "Ask for an export with full precision.",
        ),
        Rule(
            "kit-outside-billing-period",
            "charges outside their billing period",
            "ChargePeriodStart",
            MEDIUM,
            lambda c: (
                c.ChargeClass.isnull()
                & ((c.ChargePeriodStart < c.BillingPeriodStart) | (c.ChargePeriodStart >= c.BillingPeriodEnd))
            ),
            "They count in the month that billed them; by day they stand in another.",
            "Nothing, if the provider billed late; corrections should say ChargeClass Correction.",
        ),
        Rule(
            "kit-charge-period-order",
            "charge periods that end before they start",
            "ChargePeriodEnd",
            HIGH,
            lambda c: c.ChargePeriodEnd < c.ChargePeriodStart,
            "Days and hours of these charges cannot be counted.",
            ASK,
        ),
        Rule(
            "kit-list-cost-missing",
            "no list cost, or zero, where something was billed",
            "ListCost",
            MEDIUM,
            lambda c: _usage(c) & (c.ListCost.fill_null(0) == 0) & (c.BilledCost > 0),
            "They stay out of the savings rate over list; the share of cost without list price is shown beside it.",
            "Give the export access to the price sheet (Microsoft: the billing account's), or ask the seller.",
        ),
        Rule(
            "kit-list-below-contracted",
            "list cost below contracted cost",
            "ListCost",
            MEDIUM,
            lambda c: _usage(c) & (c.ListCost > 0) & (c.ListCost < c.ContractedCost),
            "Negotiated savings of these charges are negative.",
            "Compare one SKU with the provider's price list; often the list price is of another region or currency.",
        ),
        Rule(
            "kit-unused-list-cost",
            "unused commitment that carries list cost",
            "ListCost",
            LOW,
            lambda c: (c.CommitmentDiscountStatus == "Unused") & (c.ListCost.fill_null(0) != 0),
            "Counted as it stands, it would inflate savings; the kit leaves list cost of unused commitment out.",
            "Nothing here; other tools that read this export may show higher savings.",
        ),
        Rule(
            "CAU-PricingCategory-C-009-C",
            "covered by a commitment, but not priced as Committed",
            "PricingCategory",
            LOW,
            lambda c: c.CommitmentDiscountStatus.notnull() & (c.PricingCategory.fill_null("") != "Committed"),
            "Coverage is right all the same: the kit goes by CommitmentDiscountStatus.",
            ASK,
        ),
        Rule(
            "kit-committed-without-status",
            "priced as Committed, but neither used nor unused",
            "CommitmentDiscountStatus",
            HIGH,
            lambda c: _usage(c) & (c.PricingCategory == "Committed") & c.CommitmentDiscountStatus.isnull(),
            "Coverage and utilisation leave these charges out.",
            ASK,
        ),
        Rule(
            "CommitmentDiscountStatus-C-004-C",
            "usage of a named commitment without its status",
            "CommitmentDiscountStatus",
            HIGH,
            lambda c: _usage(c) & c.CommitmentDiscountId.notnull() & c.CommitmentDiscountStatus.isnull(),
            "Coverage and utilisation leave these charges out.",
            ASK,
        ),
        Rule(
            "CAU-PricingCategory-C-004-C",
            "usage or purchase without a pricing category",
            "PricingCategory",
            LOW,
            lambda c: (
                c.ChargeCategory.isin(["Usage", "Purchase"])
                & c.ChargeClass.isnull()
                & c.PricingCategory.isnull()
            ),
            "Whether it is spot cannot be told: it counts as on demand.",
            ASK,
        ),
        Rule(
            "kit-subcategory-of-other-category",
            "a service subcategory that belongs to another category",
            "ServiceSubcategory",
            LOW,
            lambda c: (
                c.ServiceSubcategory.isin(list(focus.subcategories()))
                & c.ServiceCategory.notnull()
                & ~(c.ServiceCategory + "|" + c.ServiceSubcategory).isin(sorted(pairs))
            ),
            "The same charge stands under one category by category and another by subcategory.",
            ASK,
        ),
        Rule(
            "CAU-EffectiveCost-C-005-C",
            "commitment purchases that carry effective cost",
            "EffectiveCost",
            HIGH,
            lambda c: (
                (c.ChargeCategory == "Purchase")
                & c.CommitmentDiscountId.notnull()
                & (c.EffectiveCost.fill_null(0) != 0)
            ),
            "Effective cost is counted twice: at the purchase and at the use; the savings rate leaves purchases out.",
            ASK,
        ),
        Rule(
            "kit-negative-usage",
            "negative usage that is not marked as a correction",
            "ChargeClass",
            MEDIUM,
            lambda c: _usage(c) & ((c.BilledCost < 0) | (c.ConsumedQuantity.fill_null(0) < 0)),
            "Refunds lower usage cost and unit costs instead of showing as refunds.",
            "Ask for ChargeClass Correction or ChargeCategory Credit on these.",
        ),
        Rule(
            "CAU-ConsumedQuantity-C-004-C",
            "a consumed quantity where nothing was consumed",
            "ConsumedQuantity",
            LOW,
            lambda c: (
                c.ConsumedQuantity.notnull()
                & ((c.ChargeCategory != "Usage") | (c.CommitmentDiscountStatus.fill_null("") == "Unused"))
            ),
            "Unit costs take quantities of used things only, so they are right all the same.",
            ASK,
        ),
    )


def _by_charge(charges: Any) -> list[Finding]:
    """All rules in one pass, by currency; examples only of what was found."""
    import ibis

    sums = {}
    for n, rule in enumerate(rules()):
        broken = rule.breaks(charges).fill_null(False)
        sums[f"n{n}"] = broken.sum()
        sums[f"b{n}"] = charges.BilledCost.sum(where=broken)
    rows = (
        charges.aggregate(by={"currency": charges.BillingCurrency.fill_null("none")}, **sums)
        .order_by("currency")
        .to_pyarrow()
        .to_pylist()
    )
    found = []
    for n, rule in enumerate(rules()):
        count = sum(r[f"n{n}"] or 0 for r in rows)
        if not count:
            continue
        billed = {r["currency"]: r[f"b{n}"] or Decimal(0) for r in rows if r[f"n{n}"]}
        shown = dict.fromkeys((*KEYS, rule.column))
        some = (
            charges.filter(rule.breaks(charges))
            .order_by(ibis.desc(charges.BilledCost.abs()), *[charges[k] for k in KEYS])
            .select(*shown)
            .limit(EXAMPLES)
            .to_pyarrow()
            .to_pylist()
        )
        found.append(
            Finding(
                rule.id,
                rule.title,
                rule.column,
                rule.where,
                rule.severity,
                count,
                billed,
                tuple(_example(r, rule.column) for r in some),
                rule.consequence,
                rule.remedy,
            )
        )
    return found


def _example(row: Mapping[str, Any], column: str) -> str:
    value = row[column]
    said = "null" if value is None else plain(value) if isinstance(value, Decimal) else str(value)
    words = [row["x_KitFile"], row["x_KitPeriod"], row["ServiceProviderName"], row["ChargeDescription"]]
    return ", ".join(str(w) for w in words if w) + f": {column} {said}"


# --- rules on more than one charge ----------------------------------------------------------------------------------


def _spellings(charges: Any) -> list[Finding]:
    """Values that ingest spelled as the specification does: the text of the file stands in x_KitOther."""
    rows = query(
        charges,
        """SELECT e.key AS column, e.value AS value, count(*) AS n, min(x_KitFile) AS file FROM (
        SELECT unnest(map_entries(x_KitOther)) AS e, x_KitFile FROM these WHERE cardinality(x_KitOther) > 0)
        GROUP BY ALL ORDER BY n DESC, 1, 2""",
    )
    closed = {c.id: c for c in focus.columns().values() if c.allowed}
    found = []
    for column in dict.fromkeys(r["column"] for r in rows if r["column"] in closed):
        mine = [r for r in rows if r["column"] == column]
        found.append(
            Finding(
                ALLOWED_IDS.get(column, f"kit-allowed-{column}"),
                f"{column} spelled otherwise than in the specification",
                column,
                f"FOCUS 1.4, Cost and Usage, {column}",
                LOW,
                sum(r["n"] for r in mine),
                {},
                tuple(f"{r['file']}: {r['value']!r}, {r['n']:,} charges" for r in mine[:EXAMPLES]),
                "None: it was read as the specification spells it.",
                "Nothing; the text of the file is kept in x_KitOther.",
            )
        )
    return found


def _by_value(charges: Any, column: str) -> list[dict[str, Any]]:
    return query(
        charges,
        f"""SELECT {column} AS value, coalesce(BillingCurrency, 'none') AS currency, count(*) AS n,
        sum(BilledCost) AS billed, min(x_KitFile) AS file FROM these GROUP BY ALL ORDER BY 1, 2""",
    )


def _currencies(charges: Any) -> list[Finding]:
    rows = [
        r
        for r in _by_value(charges, "BillingCurrency")
        if r["value"] is not None and not is_national(r["value"])
    ]
    if not rows:
        return []
    return [
        Finding(
            "CAU-BillingCurrency-C-006-M",
            "billed in what is no national currency",
            "BillingCurrency",
            "FOCUS 1.4, Cost and Usage, BillingCurrency",
            MEDIUM,
            sum(r["n"] for r in rows),
            {r["currency"]: r["billed"] for r in rows},
            tuple(f"{r['file']}: {r['value']}, {r['n']:,} charges" for r in rows[:EXAMPLES]),
            "Totals in it stand apart: currencies are never added, and units and credits have no price here.",
            "A virtual currency belongs in PricingCurrency; ask for the billing currency of the invoice.",
        )
    ]


CLOUDS = {
    "AWS": ("aws", "amazon web services", "amazon", "amazon web services inc", "amazonaws"),
    "Microsoft": ("microsoft", "microsoft azure", "azure", "microsoft corporation"),
    "Google": ("google", "google cloud", "google cloud platform", "gcp"),
    "Oracle": ("oracle", "oracle cloud", "oracle cloud infrastructure", "oci"),
}


def _providers(charges: Any) -> list[Finding]:
    rows = [r for r in _by_value(charges, "ServiceProviderName") if r["value"]]
    groups: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for r in rows:
        plain_name = r["value"].casefold().strip(" .,").replace(",", "").replace(".", "")
        who = next((cloud for cloud, names in CLOUDS.items() if plain_name in names), alike(r["value"]))
        groups.setdefault(who, {}).setdefault(r["value"], []).append(r)
    found = []
    for names in groups.values():
        if len(names) < 2:
            continue
        mine = [r for held in names.values() for r in held]
        billed = {
            c: total(r["billed"] or 0 for r in mine if r["currency"] == c)
            for c in sorted({r["currency"] for r in mine})
        }
        found.append(
            Finding(
                "kit-provider-spellings",
                f"one provider under {len(names)} names: {', '.join(sorted(names))}",
                "ServiceProviderName",
                "FOCUS 1.4, Cost and Usage, ServiceProviderName",
                MEDIUM,
                sum(r["n"] for r in mine),
                billed,
                tuple(
                    f"{held[0]['file']}: {name}, {sum(r['n'] for r in held):,} charges"
                    for name, held in sorted(names.items())
                )[:EXAMPLES],
                "Numbers by provider are split between the names.",
                "Ask the exports for one name; the kit does not rename anybody.",
            )
        )
    return found


def _tag_keys(charges: Any) -> list[Finding]:
    found = collisions(charges)
    if not found:
        return []
    return [
        Finding(
            "kit-tag-keys-alike",
            "tag keys that differ only by case, blanks or signs",
            "Tags",
            "FOCUS 1.4, attribute Key-Value Format: keys are compared as they stand",
            MEDIUM,
            sum(sum(c.charges[1:]) for c in found),
            {},
            tuple(
                ", ".join(f"{k!r} ({n:,} charges)" for k, n in zip(c.keys, c.charges, strict=True))
                for c in found[:EXAMPLES]
            ),
            "Allocation and tag policy by one spelling miss the others.",
            "Name all spellings in the rule, like tag:Team|team, and correct the tags at their source.",
        )
    ]


def _duplicates(charges: Any) -> list[Finding]:
    """Charges that are alike in all that tells charges apart; legitimate twins exist, so they are shown, not removed."""
    same = (
        "BillingAccountId, SubAccountId, ResourceId, SkuId, SkuPriceId, ChargeCategory, ChargeClass, ChargePeriodStart, "
        "ChargePeriodEnd, BillingPeriodStart, BilledCost, EffectiveCost, ConsumedQuantity, PricingQuantity, InvoiceId, "
        "ChargeDescription, CommitmentDiscountStatus, CommitmentDiscountId, RegionId, AllocatedResourceId, Tags::VARCHAR"
    )
    # grouping by a hash keeps ten million charges in memory; its own collisions are one in a billion
    rows = query(
        charges,
        f"""SELECT n, billed, currency, file, description, delivered FROM (
        SELECT hash({same}) AS h, count(*) AS n, min(BilledCost) AS billed, min(coalesce(BillingCurrency, 'none')) AS currency,
            min(x_KitFile) AS file, min(ChargeDescription) AS description, count(DISTINCT x_KitFile) AS delivered
        FROM these WHERE BilledCost <> 0 GROUP BY h HAVING count(*) > 1)
        ORDER BY abs(billed) DESC, n DESC, file, description""",
    )
    if not rows:
        return []
    billed = {
        c: total(CONTEXT.multiply(r["billed"], Decimal(r["n"] - 1)) for r in rows if r["currency"] == c)
        for c in sorted({r["currency"] for r in rows})
    }
    across = any(r["delivered"] > 1 for r in rows)
    return [
        Finding(
            "kit-duplicates",
            "charges that are alike in account, resource, SKU, period, costs and description"
            + (", in more than one file" if across else ""),
            "",
            "ours: the specification has no key",
            HIGH if across else LOW,
            sum(r["n"] - 1 for r in rows),
            billed,
            tuple(f"{r['file']}, {r['description']}: {r['n']:,} times" for r in rows[:EXAMPLES]),
            "If they are copies, cost is counted twice by this amount.",
            "Compare with the invoice; finops history shows which delivery brought them.",
        )
    ]


def _products(charges: Any) -> list[Finding]:
    """Unit price × quantity against cost, in Decimal, dearest first."""
    found = []
    for cost, rule in (("List", "CAU-ListCost-C-011-C"), ("Contracted", "CAU-ContractedCost-C-011-C")):
        rows = query(
            charges,
            f"""SELECT * FROM (SELECT {cost}UnitPrice AS price, PricingQuantity AS quantity, {cost}Cost AS cost,
            coalesce(BillingCurrency, 'none') AS currency, count(*) AS n, sum(BilledCost) AS billed, min(x_KitFile) AS file,
            min(ChargeDescription) AS description
            FROM these WHERE {cost}UnitPrice IS NOT NULL AND PricingQuantity IS NOT NULL AND {cost}Cost IS NOT NULL
            AND ChargeClass IS NULL AND coalesce(PricingCurrency, BillingCurrency) = BillingCurrency
            GROUP BY ALL) ORDER BY abs(cost) DESC, file, description LIMIT {PRODUCTS}""",
        )
        wrong = [r for r in rows if _differs(r)]
        if not wrong:
            continue
        found.append(
            Finding(
                rule,
                f"{cost.lower()} unit price × pricing quantity is not {cost.lower()} cost"
                + (f" (of the {PRODUCTS:,} dearest combinations)" if len(rows) == PRODUCTS else ""),
                f"{cost}Cost",
                f"FOCUS 1.4, Cost and Usage, {cost}Cost",
                MEDIUM,
                sum(r["n"] for r in wrong),
                {
                    c: total(r["billed"] or 0 for r in wrong if r["currency"] == c)
                    for c in sorted({r["currency"] for r in wrong})
                },
                tuple(
                    f"{r['file']}, {r['description']}: {plain(r['price'])} × {plain(r['quantity'])} "
                    f"= {plain(CONTEXT.multiply(r['price'], r['quantity']))}, not {plain(r['cost'])}"
                    for r in wrong[:EXAMPLES]
                ),
                "Change by price and volume follows the cost; what the product does not explain shows as mix.",
                "Look at PricingUnit: prices for 1,000 or a block of units are the usual reason.",
            )
        )
    return found


def _differs(row: Mapping[str, Any]) -> bool:
    off = CONTEXT.subtract(CONTEXT.multiply(row["price"], row["quantity"]), row["cost"]).copy_abs()
    return off > ROUNDING[0] and off > CONTEXT.multiply(row["cost"].copy_abs(), ROUNDING[1])


def _residue(charges: Any) -> list[Finding]:
    """What lies beyond the 18th place: the text of the file minus the value as stored, summed exactly."""
    con = charges.get_backend().con
    decimals = [c.id for c in focus.columns().values() if c.kind == "decimal"]
    found = []
    held = "cardinality(x_KitExact) > 0"
    counted = query(
        charges,
        f"SELECT DISTINCT unnest(map_keys(x_KitExact)) AS name FROM these WHERE {held} ORDER BY 1",
    )
    for name in (r["name"] for r in counted if r["name"] in decimals):
        reader = con.execute(
            f"""WITH these AS ({charges.compile()}) SELECT x_KitExact['{name}'] AS text, "{name}" AS stored, count(*) AS n,
            min(x_KitFile) AS file FROM these WHERE {held} AND x_KitExact['{name}'] IS NOT NULL GROUP BY ALL"""
        ).to_arrow_reader(50_000)
        count, residue, example = 0, Decimal(0), ""
        for batch in reader:
            for r in batch.to_pylist():
                off = CONTEXT.subtract(exact(r["text"]), r["stored"])
                residue = CONTEXT.add(residue, CONTEXT.multiply(off, Decimal(r["n"])))
                count += r["n"]
                example = max(example, f"{r['file']}: {r['text']}")
        found.append(
            Finding(
                "kit-residue",
                f"{name} beyond 18 decimal places: {plain(residue)} in all",
                name,
                "ours: money is kept as DECIMAL(38,18), rounded half-even; the text stays in x_KitExact",
                NOTE,
                count,
                {},
                (example,),
                f"Totals of {name} differ from the file's by this sum.",
                "Nothing: no invoice has that many places.",
            )
        )
    return found


def _absent(charges: Any) -> list[Finding]:
    rows = query(charges, "SELECT x_KitVersion AS v, count(*) AS n FROM these GROUP BY 1 ORDER BY 1")
    found = []
    for row in rows:
        if not row["v"] or row["v"] >= focus.VERSIONS[-1]:
            continue
        absent = [c.id for c in focus.columns().values() if c.since > row["v"]]
        absent = [c for c in absent if c != "ServiceProviderName"]
        found.append(
            Finding(
                f"kit-absent-in-{row['v']}",
                f"columns that version {row['v']} does not have yet: {', '.join(absent)}",
                "",
                f"FOCUS {row['v']} against 1.4",
                NOTE,
                row["n"],
                {},
                (),
                "KPIs that need one of these say so and stay empty for these charges.",
                "Order the export in a newer version where the provider has one.",
            )
        )
    return found


# --- invoices -------------------------------------------------------------------------------------------------------


def invoice_lines(charges: Any, invoices: pyarrow.Table | None) -> list[InvoiceLine]:
    """Billed cost beside the invoices, by issuer, month and currency.

    Parameters
    ----------
    charges : ibis Table
        Columns BilledCost [currency], InvoiceIssuerName, x_KitPeriod, BillingCurrency.
    invoices : pyarrow.Table, optional
        The companion ``invoices``.

    Returns
    -------
    list of InvoiceLine
        Of everything charged or invoiced, by period, issuer, currency.
    """
    rows = query(
        charges,
        """SELECT coalesce(InvoiceIssuerName, 'not said') AS issuer, x_KitPeriod AS period,
        coalesce(BillingCurrency, 'none') AS currency, sum(BilledCost) AS billed FROM these GROUP BY ALL""",
    )
    billed = {(r["period"], r["issuer"], r["currency"]): r["billed"] or Decimal(0) for r in rows}
    said: dict[tuple[str, str, str], Decimal] = {}
    for r in invoices.to_pylist() if invoices is not None else []:
        key = r["period"], r["issuer"], r["currency"]
        said[key] = CONTEXT.add(said.get(key, Decimal(0)), r["total"])
    return [
        InvoiceLine(key[1], key[0], key[2], billed.get(key, Decimal(0)), said.get(key))
        for key in sorted(billed.keys() | said.keys())
    ]


def _invoices(charges: Any, invoices: pyarrow.Table | None) -> list[Finding]:
    # An invoice has cents, charges have more digits: below a cent it is the same money (both numbers are printed anyway).
    lines = invoice_lines(charges, invoices) if invoices is not None else []
    off = [x for x in lines if abs(x.difference or 0) >= CENT]
    return [
        Finding(
            "CAU-BilledCost-C-007-M",
            f"{x.issuer}, {x.period}: billed {plain(x.billed)}, invoiced {plain(exact(x.invoiced or 0))} {x.currency}",
            "BilledCost",
            "FOCUS 1.4, Cost and Usage, BilledCost; attribute Invoice Handling",
            HIGH,
            1,
            {x.currency: x.difference or Decimal(0)},
            (),
            "Every total of that month is off by the difference.",
            "Look for a delivery that is missing or came twice (finops history), tax and credits, then ask the issuer.",
        )
        for x in off
    ]


def worst(found: Iterable[Finding]) -> str | None:
    """The worst severity among findings, or None; notes are no trouble."""
    held = {f.severity for f in found} - {NOTE}
    return next((s for s in SEVERITIES if s in held), None)
