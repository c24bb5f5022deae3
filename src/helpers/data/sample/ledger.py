"""What the charges add up to: by invoice, by resource and month, by department: kept while they are written."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from helpers.data.sample.charges import invoice_id
from helpers.data.sample.world import Export, World
from helpers.terms.period import Month


@dataclass
class Invoice:
    """One invoice: its lines by charge category and service, and their total [currency]."""

    id: str
    issuer: str
    export: str
    billing_id: str
    month: Month
    currency: str
    lines: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    @property
    def total(self) -> Decimal:
        return sum(self.lines.values(), Decimal(0))


@dataclass
class Ledger:
    """Sums of the charges as last delivered.

    Attributes
    ----------
    invoices : dict
        (export, month) → `Invoice`.
    effective : dict
        (resource or commitment or fee, month) → effective cost [billing currency].
    listed : dict
        (resource, month) → list cost of use.
    unused : dict
        (commitment, month) → effective cost of what nobody used.
    departments : dict
        (department, month) → effective cost of the resources of its team [USD exports only].
    """

    world: World
    invoices: dict[tuple[str, Month], Invoice] = field(default_factory=dict)
    effective: dict[tuple[str, Month], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    listed: dict[tuple[str, Month], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    quantities: dict[tuple[str, Month], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    unused: dict[tuple[str, Month], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    departments: dict[tuple[str, Month], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    rows: int = 0

    def add(self, export: Export, month: Month, charge: dict[str, Any]) -> None:
        """Take one charge in."""
        key = export.export, month
        if key not in self.invoices:
            self.invoices[key] = Invoice(
                invoice_id(export, month),
                export.issuer,
                export.export,
                export.billing_id,
                month,
                export.currency,
            )
        self.rows += 1
        self.invoices[key].lines[charge["ChargeCategory"], charge["ServiceName"]] += charge["BilledCost"]
        name = charge["x_Resource"]
        if charge.get("CommitmentDiscountStatus") == "Unused":
            self.unused[name, month] += charge["EffectiveCost"]
            return
        self.effective[name, month] += charge["EffectiveCost"]
        if one := self.world.resources.get(name):
            self.listed[name, month] += charge["ListCost"]
            self.quantities[name, month] += charge["PricingQuantity"] or 0
            if one.team and export.currency == "USD":
                self.departments[one.team, month] += charge["EffectiveCost"]

    def grow(self, size: int) -> None:
        """The sums of a company that many times as large."""
        for invoice in self.invoices.values():
            for line in invoice.lines:
                invoice.lines[line] *= size
        for sums in (self.effective, self.listed, self.quantities, self.unused, self.departments):
            for key in sums:
                sums[key] *= size
