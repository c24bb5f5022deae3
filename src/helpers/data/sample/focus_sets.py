"""The other three datasets of FOCUS 1.4: Contract Commitment, Billing Period, Invoice Detail; they agree with the charges."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal, localcontext

from helpers.data.sample.charges import EXACT, commitment_id, detail_id
from helpers.data.sample.deliveries import LATE
from helpers.data.sample.habits import plain
from helpers.data.sample.ledger import Invoice, Ledger
from helpers.data.sample.world import FIRST, OPEN, Commitment, World, table
from helpers.terms.period import Month, parse_day

TERMS = {"AWS": 30, "Microsoft": 30, "Google": 30, "Oracle": 45}  # days to pay
INTERVALS = {"term": "Full Period", "year": "Annual"}


def tables(world: World, ledger: Ledger, first: Month = FIRST) -> dict[str, list[Sequence[str]]]:
    """File name → header and rows of each dataset."""
    return {
        "contract_commitment.csv": _rows(
            [c for c in _commitments(world) if c["ContractCommitmentPeriodEnd"] > str(first)]
        ),
        "billing_period.csv": _rows(_periods(ledger)),
        "invoice_detail.csv": _rows(_details(ledger)),
    }


def _rows(records: list[dict[str, str]]) -> list[Sequence[str]]:
    return [tuple(records[0]), *(tuple(r.values()) for r in records)]


def _at(day: date) -> str:
    return f"{day}T00:00:00Z"


def _commitments(world: World) -> list[dict[str, str]]:
    contracts = {c["id"]: c for c in table("contracts")}
    found = [
        _commitment(
            world,
            world.exports[c.export].provider,
            world.exports[c.export].issuer,
            contracts[c.contract],
            id=commitment_id(world, c),
            kind=c.type,
            category=c.category,
            cost=_whole_cost(world, c),
            quantity=None if c.kind == "spend" else c.amount * (c.end - c.start).days,
            unit=c.unit if c.kind == "usage" else "",
            words=c.name,
            start=c.start,
            end=c.end,
            interval="Daily",
            upfront=c.upfront,
            discount=1 - c.rate,
            offer="Public",
            currency=world.exports[c.export].currency,
        )
        for c in world.commitments.values()
    ]
    for row in contracts.values():
        if not row["commitment_amount"]:
            continue
        issuer = next(
            (e.issuer for e in world.exports.values() if e.provider == row["provider"]), row["vendor"]
        )
        found.append(
            _commitment(
                world,
                row["provider"],
                issuer,
                row,
                id=f"{row['contract_id']}-MINIMUM",
                kind="Minimum Spend",
                category="Spend",
                cost=Decimal(row["commitment_amount"]),
                quantity=None,
                unit="",
                words=f"{row['subject']}, minimum spend",
                start=parse_day(row["start"]),
                end=parse_day(row["end"]) + timedelta(days=1),
                interval=INTERVALS[row["commitment_period"]],
                upfront=False,
                discount=Decimal(row["discount_percent"] or 0) / 100,
                offer="Negotiated",
                currency=row["currency"],
            )
        )
    return found


def _whole_cost(world: World, c: Commitment) -> Decimal:
    """What the whole term costs: the sum of what the charges amortise."""
    days = (c.end - c.start).days
    if c.kind == "spend":
        return c.amount * days
    with localcontext(EXACT):
        return c.amount * days * world.price(world.resources[c.resources[0]].sku, c.start) * c.rate


def _commitment(
    world: World,
    provider: str,
    issuer: str,
    contract: dict[str, str],
    *,
    id: str,
    kind: str,
    category: str,
    cost: Decimal,
    quantity: Decimal | None,
    unit: str,
    words: str,
    start: date,
    end: date,
    interval: str,
    upfront: bool,
    discount: Decimal,
    offer: str,
    currency: str,
) -> dict[str, str]:
    today = OPEN.start.date() + timedelta(days=4)
    state = "Expired" if end <= today else "Pending" if start > today else "Active"
    return {
        "BillingCurrency": currency,
        "ContractCommitmentApplicability": json.dumps(
            {"ServiceProviderName": [provider]}, separators=(",", ":")
        ),
        "ContractCommitmentBenefitCategory": "Discount",
        "ContractCommitmentCategory": category,
        "ContractCommitmentCost": plain(cost),
        "ContractCommitmentCreated": _at(start),
        "ContractCommitmentDescription": words,
        "ContractCommitmentDiscountPercentage": plain(discount),
        "ContractCommitmentDurationType": f"P{(end - start).days}D",
        "ContractCommitmentFulfillmentInterval": interval,
        "ContractCommitmentId": id,
        "ContractCommitmentLastUpdated": _at(min(max(start, end), today)),
        "ContractCommitmentLifecycleStatus": state,
        "ContractCommitmentModel": "Discontinuous" if interval == "Daily" else "Continuous",
        "ContractCommitmentOfferCategory": offer,
        "ContractCommitmentPaymentInterval": "One-Time" if upfront else "Monthly",
        "ContractCommitmentPaymentModel": "All Upfront" if upfront else "No Upfront",
        "ContractCommitmentPaymentUpfrontPercentage": "1" if upfront else "0",
        "ContractCommitmentPeriodEnd": _at(end),
        "ContractCommitmentPeriodStart": _at(start),
        "ContractCommitmentQuantity": "" if quantity is None else plain(quantity),
        "ContractCommitmentType": kind,
        "ContractCommitmentUnit": unit,
        "ContractId": contract["contract_id"],
        "ContractPeriodEnd": _at(parse_day(contract["end"]) + timedelta(days=1)),
        "ContractPeriodStart": _at(parse_day(contract["start"])),
        "InvoiceIssuerName": issuer,
        "PricingCurrency": currency,
        "PricingCurrencyContractCommitmentCost": plain(cost),
        "ServiceProviderName": provider,
    }


def _periods(ledger: Ledger) -> list[dict[str, str]]:
    """Each issuer's months, closed on the fourth of the next; the last is open."""
    issuers = sorted({(i.issuer, i.month) for i in ledger.invoices.values()})
    return [
        {
            "BillingPeriodCreated": _at(month.start.date()),
            "BillingPeriodEnd": _at(month.end.date()),
            "BillingPeriodLastUpdated": _at(_issued(month)),
            "BillingPeriodStart": _at(month.start.date()),
            "BillingPeriodStatus": "Open" if month == OPEN else "Closed",
            "InvoiceIssuerName": issuer,
        }
        for issuer, month in issuers
    ]


def _issued(month: Month) -> date:
    return month.end.date() + timedelta(days=3)


def _details(ledger: Ledger) -> list[dict[str, str]]:
    """Each invoice's lines: what its charges add up to, by category and service."""
    found = []
    for (export, month), invoice in sorted(ledger.invoices.items(), key=lambda x: (x[0][0], x[0][1])):
        for number, ((category, service), cost) in enumerate(sorted(invoice.lines.items()), 1):
            found.append(_detail(ledger, invoice, export, month, number, category, service, cost))
    return found


def _detail(
    ledger: Ledger,
    invoice: Invoice,
    export: str,
    month: Month,
    number: int,
    category: str,
    service: str,
    cost: Decimal,
) -> dict[str, str]:
    issued = _issued(month) if (export, month) != LATE else date(2026, 9, 21)
    due = issued + timedelta(days=TERMS.get(ledger.world.exports[export].provider, 14))
    final = month < OPEN
    return {
        "BilledCost": plain(cost),
        "BillingAccountId": invoice.billing_id,
        "BillingCurrency": invoice.currency,
        "BillingPeriodEnd": _at(month.end.date()),
        "BillingPeriodStart": _at(month.start.date()),
        "ChargeCategory": category,
        "InvoiceDetailCreated": _at(issued),
        "InvoiceDetailDescription": f"{category}, {service}",
        "InvoiceDetailGrain": json.dumps({"ServiceName": service}, separators=(",", ":")),
        "InvoiceDetailId": detail_id(invoice.id, category, service),
        "InvoiceDetailLastUpdated": _at(issued),
        "InvoiceId": invoice.id,
        "InvoiceIssueDate": _at(issued) if final else "",
        "InvoiceIssueStatus": "Issued" if final else "Open",
        "InvoiceIssuerName": invoice.issuer,
        "PaymentCurrency": invoice.currency,
        "PaymentCurrencyBilledCost": plain(cost),
        "PaymentCurrencyInvoiceDetailId": detail_id(invoice.id, category, service),
        "PaymentDueDate": _at(due) if final else "",
        "PaymentTerms": f"Net {(due - issued).days}",
        "PurchaseOrderNumber": "",
        "ReferenceInvoiceId": invoice.id,
    }
