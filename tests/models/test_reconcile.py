"""Forecasts of a hierarchy add up, to the cent, and what was unbiased stays so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.models.reconcile import cents, hierarchy, reconciled

CELLS = [("A", "x"), ("A", "y"), ("B", "x"), ("C", "y")]
TREE = hierarchy(CELLS)


def test_two_cells_by_hand():
    # cells say 40 and 50, the total 100: equal variances share the gap of 10 in thirds
    sums = np.array([[1.0, 1], [1, 0], [0, 1]])
    errors = np.array([[1.0, 1, 1], [-1, -1, -1]])
    assert reconciled(np.array([100.0, 40, 50]), sums, errors) == pytest.approx([290 / 3, 130 / 3, 160 / 3])
    # a total that is never wrong holds, and the surer cell moves less
    sure = np.array([[1e-4, 3, 1], [-1e-4, -3, -1]])
    assert reconciled(np.array([100.0, 40, 50]), sums, sure) == pytest.approx([100, 49, 51], abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["wls", "mint", ""]), st.integers(2, 40))
def test_it_adds_up_to_the_cent(seed, method, origins):
    rng = np.random.default_rng(seed)
    base = rng.normal(1000, 900, len(TREE.keys))
    errors = rng.normal(0, rng.uniform(0, 300, len(TREE.keys)), (origins, len(TREE.keys)))
    found = reconciled(base, TREE.sums, errors if method else None, method=method or "wls")
    assert found == pytest.approx(TREE.sums @ found[-len(CELLS) :], abs=1e-6)
    money = cents(found, TREE)
    assert money["*", "*"] == sum(money[c] for c in CELLS) == money["*", "x"] + money["*", "y"]
    assert money["A", "*"] == money["A", "x"] + money["A", "y"]
    assert all(abs(float(money[k]) - v) < 0.05 for k, v in zip(TREE.keys, found, strict=True))
    # what adds up already, is not touched: a projection keeps unbiased forecasts unbiased
    assert reconciled(found, TREE.sums, errors if method else None, method=method or "wls") == pytest.approx(
        found, abs=1e-5
    )


def test_unbiased_bases_stay_unbiased_and_err_less():
    rng = np.random.default_rng(7)
    truth = TREE.sums @ np.array([100.0, 50, 20, 200])
    noise = rng.normal(0, np.linspace(5, 30, len(truth)), (4000, len(truth)))
    found = reconciled((truth + noise).T, TREE.sums, noise).T
    assert found.mean(axis=0) == pytest.approx(truth, abs=1.5)
    assert ((found - truth) ** 2).mean() < 0.7 * (noise**2).mean()
