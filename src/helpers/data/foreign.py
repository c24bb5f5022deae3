"""Billing files that are not FOCUS: say which export it is, and how to get FOCUS from that provider."""

from __future__ import annotations

from collections.abc import Iterable

from helpers.terms.errors import BadInput

# marks (lower case, `*` for any beginning of that name) -> what it is, where FOCUS comes from
_EXPORTS = (
    (
        ("lineitem/unblendedcost", "lineitem/usageaccountid", "identity/lineitemid"),
        "an AWS Cost and Usage Report (legacy CUR)",
        "AWS",
    ),
    (("line_item_unblended_cost", "line_item_usage_account_id"), "an AWS CUR 2.0 data export", "AWS"),
    (
        ("costinbillingcurrency", "metercategory", "effectiveprice", "pretaxcost", "costinpricingcurrency"),
        "a Microsoft Cost Management export of actual or amortized cost",
        "Microsoft",
    ),
    (
        ("usage_start_time", "billing_account_id", "cost_type", "sku.description", "export_time", "sku"),
        "a Google Cloud billing export (standard or detailed usage cost)",
        "Google",
    ),
    (
        ("lineitem/referenceno", "cost/mycost", "usage/billedquantity", "lineitem/tenantid"),
        "an Oracle Cloud cost or usage report",
        "Oracle",
    ),
)
_WAYS = {
    "AWS": "Billing and Cost Management > Data Exports > Standard data export > table 'FOCUS with AWS columns'",
    "Microsoft": "Cost Management > Exports > dataset 'Cost and usage details (FOCUS)'",
    "Google": "Billing > Billing export > 'FOCUS usage cost', then export the month's rows to files",
    "Oracle": "Billing > Cost and usage reports > folder 'FOCUS Reports'",
}


def refusal(header: Iterable[str], file: str) -> BadInput:
    """The refusal of a file that is not FOCUS Cost and Usage."""
    names = {h.strip().casefold() for h in header}
    for marks, what, provider in _EXPORTS:
        if len(names & set(marks)) >= (1 if "/" in marks[0] or "unblended" in marks[0] else 2):
            return BadInput(
                f"not FOCUS: this is {what}",
                "a FOCUS Cost and Usage file, version 1.0 to 1.4",
                f"get FOCUS from {provider}: {_WAYS[provider]} (docs/get-focus.md)",
                file=file,
            )
    if {"contractcommitmentid", "contractcommitmentcost"} <= names:
        return BadInput(
            "FOCUS, but the Contract Commitment dataset",
            "the Cost and Usage dataset, with BilledCost, EffectiveCost and so on",
            "leave this file out of the delivery",
            file=file,
        )
    some = ", ".join(list(header)[:4])
    return BadInput(
        f"not FOCUS: its columns are {some}{', …' if len(names) > 4 else ''}",
        "a FOCUS Cost and Usage file, version 1.0 to 1.4, or a companion table of the kit",
        "leave this file out, or export FOCUS (docs/get-focus.md)",
        file=file,
    )
