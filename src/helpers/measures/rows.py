"""Which charges a measure looks at: one place for each row set, so that no two measures read them differently."""

from __future__ import annotations

from helpers.measures.measure import Column, Condition, Table

CLOUDS = ("amazon", "aws", "microsoft", "azure", "google", "oracle", "alibaba", "ibm")  # own name of a cloud


def usage(charges: Table) -> Condition:
    """Usage without corrections: the row set of every rate."""
    return (charges.ChargeCategory == "Usage") & charges.ChargeClass.isnull()


def spent(charges: Table) -> Condition:
    """Usage and purchases without corrections: what somebody chose to spend, so tax, credits and adjustments are out."""
    return charges.ChargeCategory.isin(["Usage", "Purchase"]) & charges.ChargeClass.isnull()


def used(charges: Table) -> Condition:
    """Usage that a commitment discount covers."""
    return usage(charges) & (charges.CommitmentDiscountStatus == "Used")


def unused(charges: Table) -> Condition:
    """What was committed and not used: it costs, but nothing ran."""
    return usage(charges) & (charges.CommitmentDiscountStatus == "Unused")


def ran(charges: Table) -> Condition:
    """Usage of something: covered or not, without unused commitment."""
    return usage(charges) & (charges.CommitmentDiscountStatus.fill_null("") != "Unused")


def spot(charges: Table) -> Condition:
    """Priced by the moment's demand (PricingCategory Dynamic)."""
    return charges.PricingCategory.fill_null("") == "Dynamic"


def eligible(charges: Table) -> Condition:
    """On-demand usage that a commitment discount could cover (x_KitEligible), spot out."""
    return (
        usage(charges)
        & charges.CommitmentDiscountStatus.isnull()
        & charges.x_KitEligible.fill_null(False)
        & ~spot(charges)
    )


def priced(charges: Table, cost: str) -> Condition:
    """The charge has a price of this kind: the cost is there, and not zero where the effective cost is positive.

    Exporters without a price deliver null or, since FOCUS forbids null, zero; a discount never turns zero into more.
    """
    value = charges[cost]
    return value.notnull() & charges.EffectiveCost.notnull() & ~((value == 0) & (charges.EffectiveCost > 0))


def support(charges: Table) -> Condition:
    """A support plan's fee."""
    return (charges.ServiceSubcategory.fill_null("") == "Support") | charges.ServiceName.lower().contains(
        "support"
    )


def sold_by_others(charges: Table) -> Condition:
    """The seller is no cloud: publisher where known (before 1.4), else the service provider."""
    return ~_cloud(charges.x_KitPublisherName.coalesce(charges.ServiceProviderName))


def marketplace(charges: Table) -> Condition:
    """A third party's product on a cloud's invoice."""
    return sold_by_others(charges) & _cloud(charges.InvoiceIssuerName)


def _cloud(name: Column) -> Condition:
    lower = name.fill_null("").lower()
    found = lower.contains(CLOUDS[0])
    for word in CLOUDS[1:]:
        found = found | lower.contains(word)
    return found
