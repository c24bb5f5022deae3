"""The page's forecast by department and provider: cells and providers reconciled to what the page says of departments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from helpers.measures import spend
from helpers.models import reconcile
from helpers.models import spend as estimate
from helpers.terms.money import foot
from helpers.terms.money import total as add

SPLIT = "\x1f"
SURE = 1e-3  # a department's error against the largest one: the page's amount holds


def by_provider(run: Any, review: Any) -> Any:
    """Each month ahead by department and provider; a department's rows add up to its forecast on the page, to the cent.

    Cells and providers are forecast on their own, with fees, and weighted by the variance of their paths; departments hold.

    Returns
    -------
    DataFrame
        Columns month, department, provider, mean [currency, Decimal].
    """
    import pandas

    columns = ["month", "department", "provider", "mean"]
    if review.outlook is None:
        return pandas.DataFrame([], columns=columns, dtype=object)
    charges = run.charges.mutate(
        x_pair=run.charges.x_KitDepartment.fill_null(spend.NOBODY) + SPLIT + run.charges.ServiceProviderName
    )
    made = {
        name: estimate.spend(
            spend.by_day(charges, currency=run.currency, dimension=name),
            until=review.until,
            months=len(review.outlook.months) - 1,
            currency=run.currency,
        )
        for name in ("x_pair", "ServiceProviderName")
    }
    pairs, providers = made.values()
    if pairs is None or providers is None:
        return pandas.DataFrame([], columns=columns, dtype=object)
    rows = []
    for m, month in enumerate(review.outlook.months):
        rows += _month(month, review.outlook.means(month), pairs, providers, m)
    return pandas.DataFrame(rows, columns=columns, dtype=object)


def _month(month: str, means: dict[str, Decimal], pairs: Any, providers: Any, m: int) -> list[tuple]:
    found = {tuple(n.split(SPLIT)): i for i, n in enumerate(pairs.names)}
    cells = [c for c in found if c[0] in means]
    tree = reconcile.hierarchy(cells)
    base, error = np.zeros(len(tree.keys)), np.zeros(len(tree.keys))
    for k, (name, provider) in enumerate(tree.keys):
        if name == reconcile.ALL == provider:
            base[k], error[k] = float(add(means[d] for d in {c[0] for c in cells})), 0.0
        elif provider == reconcile.ALL:
            base[k], error[k] = float(means[name]), 0.0
        elif name == reconcile.ALL and provider in providers.names:
            i = providers.names.index(provider)
            base[k], error[k] = providers.mean[i, m], providers.paths[:, i, m].std()
        elif name == reconcile.ALL:  # a provider that is not forecast on its own says nothing
            inside = [found[c] for c in tree.cells if c[1] == provider]
            base[k], error[k] = pairs.mean[inside, m].sum(), pairs.paths[:, inside, m].sum(axis=1).std() * 10
        else:
            base[k], error[k] = (
                pairs.mean[found[name, provider], m],
                pairs.paths[:, found[name, provider], m].std(),
            )
    error = np.maximum(error, SURE * max(error.max(), 1.0))
    bottom = slice(len(tree.keys) - len(tree.cells), None)
    settled = reconcile.reconciled(base, tree.sums, error[None])[bottom]
    settled = np.where(
        base[bottom] >= 0, settled.clip(min=0), settled
    )  # no cost falls below zero by rounding of others
    rows = []
    for name in sorted(means):
        mine = [j for j, c in enumerate(tree.cells) if c[0] == name]
        if not mine:
            rows.append((month, name, "", means[name]))
            continue
        parts = [Decimal(repr(float(settled[j]))) for j in mine]
        most = max(range(len(parts)), key=lambda j: abs(parts[j]))
        parts[most] += means[name] - add(parts)  # what a finite weight leaves: the page's amount is the whole
        rows += [(month, name, tree.cells[j][1], a) for j, a in zip(mine, foot(parts), strict=True)]
    return rows
