"""Forecasts of a hierarchy that add up: weighted least squares and minimum trace (MinT), to the cent.

Series of every level are forecast on their own; reconciled, each level's knowledge moves the others by how sure it is.
Wickramasuriya, Athanasopoulos and Hyndman (2019), doi 10.1080/01621459.2018.1448825. Measured: docs/forecast.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from helpers.terms.money import foot
from helpers.terms.money import total as add

Array = Any
ALL = "*"  # stands for every name of a dimension
FLOOR = 1e-6  # least variance against the largest: a series that never erred is not believed without end


@dataclass(frozen=True)
class Hierarchy:
    """Series of two dimensions, such as department and provider: cells, both margins, and the total.

    Attributes
    ----------
    keys : tuple of (str, str)
        The total first (``*``, ``*``), then both margins, then the cells.
    cells : tuple of (str, str)
        The bottom level.
    sums : array, keys by cells
        1 where a cell is part of a key.
    """

    keys: tuple[tuple[str, str], ...]
    cells: tuple[tuple[str, str], ...]
    sums: Array


def hierarchy(cells: Sequence[tuple[str, str]]) -> Hierarchy:
    """The hierarchy of cells that exist; a margin with a single cell is that cell, and stands beside it all the same.

    Examples
    --------
    >>> hierarchy([("A", "x"), ("B", "x")]).sums.astype(int).tolist()
    [[1, 1], [1, 0], [0, 1], [1, 1], [1, 0], [0, 1]]
    """
    cells = tuple(sorted(cells))
    first, second = (sorted({c[i] for c in cells}) for i in (0, 1))
    keys = ((ALL, ALL), *((a, ALL) for a in first), *((ALL, b) for b in second), *cells)
    held = [[float(k[0] in (ALL, c[0]) and k[1] in (ALL, c[1])) for c in cells] for k in keys]
    return Hierarchy(keys, cells, np.array(held))


def reconciled(base: Array, sums: Array, errors: Array | None = None, *, method: str = "wls") -> Array:
    """Base forecasts made to add up; unbiased ones stay unbiased.

    Parameters
    ----------
    base : array, keys (by steps)
        Forecasts of every series, each made on its own [currency].
    sums : array, keys by cells
        `Hierarchy.sums`.
    errors : array, past forecasts by keys, optional
        What forecasts of past origins missed by; without them a series' variance is taken as the number of its cells.
    method : str
        ``wls``: each series' own variance; ``mint``: their covariance, shrunk towards its diagonal (Schäfer and Strimmer 2005).

    Returns
    -------
    array, keys (by steps)
        Which equals `sums` times its own cells.
    """
    if errors is None:
        weights = np.diag(1 / sums.sum(axis=1))
    else:
        weights = np.linalg.inv(_covariance(np.asarray(errors, dtype=float), method))
    left = sums.T @ weights
    return sums @ np.linalg.solve(left @ sums, left @ base)


def _covariance(errors: Array, method: str) -> Array:
    moments = errors.T @ errors / len(errors)  # around zero: a bias is an error too
    spread = np.maximum(np.diag(moments), FLOOR * max(np.diag(moments).max(), 1e-12))
    if method == "wls":
        return np.diag(spread)
    scaled = errors / np.sqrt(spread)
    correlation = scaled.T @ scaled / len(errors)
    products = scaled[:, :, None] * scaled[:, None, :]
    doubt = ((products - correlation) ** 2).sum(axis=0) / (len(errors) * max(len(errors) - 1, 1))
    off = ~np.eye(len(spread), dtype=bool)
    known = (correlation[off] ** 2).sum()
    shrink = float(np.clip(doubt[off].sum() / known, 0, 1)) if known > 0 else 1.0
    shrink = max(shrink, 0.05)  # fewer origins than series: never without a diagonal
    shrunk = (1 - shrink) * correlation + shrink * np.eye(len(spread))
    np.fill_diagonal(shrunk, 1.0)
    return shrunk * np.sqrt(np.outer(spread, spread))


def cents(values: Array, tree: Hierarchy) -> dict[tuple[str, str], Decimal]:
    """Cells to the cent by largest remainder, and every other key as the exact sum of its cells [currency]."""
    bottom = [Decimal(repr(float(v))) for v in values[len(tree.keys) - len(tree.cells) :]]
    of = dict(zip(tree.cells, foot(bottom), strict=True))
    return {
        k: of[k] if k in of else add(of[c] for c, part in zip(tree.cells, row, strict=True) if part)
        for k, row in zip(tree.keys, tree.sums, strict=True)
    }
