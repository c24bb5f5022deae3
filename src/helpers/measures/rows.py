"""Which charges a measure looks at: one place for each row set, so that no two measures read them differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir

CLOUDS = ("amazon", "aws", "microsoft", "azure", "google", "oracle", "alibaba", "ibm")  # own name of a cloud


def usage(charges: ir.Table) -> ir.BooleanValue:
    """Usage without corrections: the row set of every rate."""
    return (charges.ChargeCategory == "Usage") & charges.ChargeClass.isnull()


def used(charges: ir.Table) -> ir.BooleanValue:
    """Usage that a commitment discount covers."""
    return usage(charges) & (charges.CommitmentDiscountStatus == "Used")


def unused(charges: ir.Table) -> ir.BooleanValue:
    """What was committed and not used: it costs, but nothing ran."""
    return usage(charges) & (charges.CommitmentDiscountStatus == "Unused")


def ran(charges: ir.Table) -> ir.BooleanValue:
    """Usage of something: covered or not, without unused commitment."""
    return usage(charges) & charges.CommitmentDiscountStatus.fill_null("").notin(["Unused"])


def spot(charges: ir.Table) -> ir.BooleanValue:
    """Priced by the moment's demand (PricingCategory Dynamic)."""
    return charges.PricingCategory.fill_null("") == "Dynamic"


def eligible(charges: ir.Table) -> ir.BooleanValue:
    """On-demand usage that a commitment discount could cover (x_KitEligible), spot out."""
    return (
        usage(charges)
        & charges.CommitmentDiscountStatus.isnull()
        & charges.x_KitEligible.fill_null(False)
        & ~spot(charges)
    )


def priced(charges: ir.Table, cost: str) -> ir.BooleanValue:
    """The charge has a price of this kind: the cost is there, and not zero where the effective cost is positive.

    Exporters without a price deliver null or, since FOCUS forbids null, zero; a discount never turns zero into more.
    """
    value = charges[cost]
    return value.notnull() & charges.EffectiveCost.notnull() & ~((value == 0) & (charges.EffectiveCost > 0))


def support(charges: ir.Table) -> ir.BooleanValue:
    """A support plan's fee."""
    return (charges.ServiceSubcategory.fill_null("") == "Support") | charges.ServiceName.lower().contains(
        "support"
    )


def sold_by_others(charges: ir.Table) -> ir.BooleanValue:
    """The seller is no cloud: publisher where known (before 1.4), else the service provider."""
    return ~_cloud(charges.x_KitPublisherName.coalesce(charges.ServiceProviderName))


def marketplace(charges: ir.Table) -> ir.BooleanValue:
    """A third party's product on a cloud's invoice."""
    return sold_by_others(charges) & _cloud(charges.InvoiceIssuerName)


def _cloud(name: ir.StringValue) -> ir.BooleanValue:
    lower = name.fill_null("").lower()
    found = lower.contains(CLOUDS[0])
    for word in CLOUDS[1:]:
        found = found | lower.contains(word)
    return found
