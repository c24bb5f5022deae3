"""Who pays: what has an owner, what is tagged, what of the shared cost is distributed.

Whole cost is EffectiveCost of all charges, tax and corrections too: somebody owns each of them.
"""

from __future__ import annotations

from helpers.measures.measure import Condition, Measure, Table, quotient


def accuracy(charges: Table) -> Measure:
    """Cost with an owner of its own / all cost [ratio]: a department or owner, and no part of a shared cost."""
    direct = _allocated(charges) & charges.x_KitShared.isnull()
    return _share("allocation-accuracy-index-aai", charges, direct)


def unallocated(charges: Table) -> Measure:
    """Cost without owner or department / all cost [ratio]; without rules the sub-account stands in as department."""
    return _share(
        "percentage-of-costs-associated-with-unallocated-csp-cloud-resources", charges, ~_allocated(charges)
    )


def untagged(charges: Table, taggable: bool = False) -> Measure:
    """Cost of charges without any tag / all cost [ratio]; variant ``taggable``: only charges that name a resource."""
    id = "percentage-of-costs-associated-with-untagged-csp-cloud-resources"
    bare = ~charges.x_KitTagged.fill_null(False)
    if not taggable:
        return _share(id, charges, bare)
    return _share(id, charges, bare, charges.ResourceId.notnull(), "taggable")


def tag_policy(charges: Table) -> Measure:
    """Cost that meets the tag policy / cost that the policy speaks of [ratio]; NaN without a policy."""
    met = charges.x_KitTagPolicyMet
    return _share(
        "percentage-of-csp-cloud-costs-that-are-tagging-policy-compliant",
        charges,
        met.fill_null(False),
        met.notnull(),
    )


def shared_unallocated(charges: Table) -> Measure:
    """Shared cost that no rule distributes / shared cost [ratio]; NaN where no cost is marked as shared."""
    shared = charges.x_KitShared
    return _share(
        "percentage-of-unallocated-shared-csp-cloud-cost",
        charges,
        shared.fill_null("") == "undistributed",
        shared.notnull(),
    )


def _allocated(charges: Table) -> Condition:
    return charges.x_KitOwner.notnull() | charges.x_KitDepartment.notnull()


def _share(
    id: str, charges: Table, part: Condition, whole: Condition | None = None, variant: str = ""
) -> Measure:
    cost = charges.EffectiveCost
    sums = {
        "part": cost.sum(where=part if whole is None else part & whole),
        "whole": cost.sum() if whole is None else cost.sum(where=whole),
    }
    return Measure(id, sums, quotient("part", "whole"), "ratio", charges, variant)
