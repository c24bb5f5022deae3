"""Who pays: what has an owner, what is tagged, what of the shared cost is distributed.

Cost is EffectiveCost of usage and purchases without corrections. A credit without owner would make a share negative, and
nobody can tag a tax: both stay out.
"""

from __future__ import annotations

from helpers.measures import rows
from helpers.measures.measure import Condition, Measure, Table, quotient


def accuracy(charges: Table) -> Measure:
    """Cost with an owner of its own / cost [ratio]: an owner or department, and no part of a shared cost."""
    direct = _allocated(charges) & charges.x_KitShared.isnull()
    return _share("allocation-accuracy-index-aai", charges, direct)


def unallocated(charges: Table) -> Measure:
    """Cost without owner or department / cost [ratio]; without rules the sub-account stands in as department."""
    return _share(
        "percentage-of-costs-associated-with-unallocated-csp-cloud-resources", charges, ~_allocated(charges)
    )


def untagged(charges: Table, taggable: bool = False) -> Measure:
    """Cost of charges without any tag that has a value / cost [ratio]; `taggable`: only charges that name a resource."""
    return _share(
        "percentage-of-costs-associated-with-untagged-csp-cloud-resources",
        charges,
        ~charges.x_KitTagged.fill_null(False),
        charges.ResourceId.notnull() if taggable else None,
        "taggable" if taggable else "",
    )


def tag_policy(charges: Table) -> Measure:
    """Cost that meets the tag policy / cost that the policy speaks of [ratio]; NaN without a policy."""
    met = charges.x_KitTagPolicyMet
    return _share(
        "percentage-of-csp-cloud-costs-that-are-tagging-policy-compliant", charges, met, met.notnull()
    )


def shared_unallocated(charges: Table) -> Measure:
    """Shared cost that no rule distributes / shared cost [ratio]; NaN where no cost is marked as shared."""
    shared = charges.x_KitShared
    return _share(
        "percentage-of-unallocated-shared-csp-cloud-cost",
        charges,
        shared == "undistributed",
        shared.notnull(),
    )


def _allocated(charges: Table) -> Condition:
    return charges.x_KitOwner.notnull() | charges.x_KitDepartment.notnull()


def _share(
    id: str, charges: Table, part: Condition, whole: Condition | None = None, variant: str = ""
) -> Measure:
    inside = rows.spent(charges) if whole is None else rows.spent(charges) & whole
    sums = {
        "part": charges.EffectiveCost.sum(where=inside & part),
        "whole": charges.EffectiveCost.sum(where=inside),
    }
    return Measure(id, sums, quotient("part", "whole"), "ratio", charges, variant)
