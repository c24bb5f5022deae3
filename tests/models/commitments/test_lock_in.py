"""Lock-in in months and the loss when demand falls, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from tests.models.commitments.worlds import hours, region

from helpers.models.commitments.cost import Purchase, Terms
from helpers.models.commitments.lock_in import Standing, exposure, months, standing, unused


def test_months_per_committed_money_and_per_use():
    stands = [Standing(0, 10.0, 0.6, 12.0), Standing(None, 10.0, 0.7, 3.0)]
    # (6 × 12 + 7 × 3) ÷ 13 and ÷ 30
    assert months(stands, 30.0) == (pytest.approx(93 / 13), pytest.approx(3.1))
    assert np.isnan(months([], 0.0)).all()


def test_the_same_savings_for_three_times_the_term_is_three_times_the_lock_in():
    short, long = (months([Standing(None, 5.0, 0.7, m)], 9.0) for m in (12.0, 36.0))
    assert long == (pytest.approx(3 * short[0]), pytest.approx(3 * short[1]))


def test_a_third_less_tomorrow():
    # demand 30 → 20; 24 flexible at 0.7 for 4 months, then 10 of them: 4 idle × 0.7 × 4 months, ÷ 30
    stands = [Standing(None, 14.0, 0.7, 4.0), Standing(None, 10.0, 0.7, 9.0)]
    assert unused(stands, np.full((24, 1), 30.0)) == pytest.approx(4 * 0.7 * 4 / 30)
    assert unused(stands, np.full((24, 1), 60.0)) == 0.0
    # a commitment to one type is idle although the other type is used
    assert unused([Standing(0, 30.0, 0.6, 2.0)], np.array([[30.0, 30.0]])) == pytest.approx(10 * 0.6 * 2 / 60)


def test_exposure_over_a_history():
    one = region(np.full((hours("2021-02-01", "2022-04-01"), 1), 10.0))
    found = exposure(one, [Purchase(12, None, 10.0)], Terms(), 12)
    assert found.committed == pytest.approx((12 + 11) / 2)
    assert found.usage == pytest.approx(0.7 * (12 + 11) / 2)
    # a third of 10 idle at 0.7 for 12 and for 11 months, in months of 10
    assert found.worst == pytest.approx(10 / 3 * 0.7 * 12 / 10)


def test_what_has_ended_does_not_stand():
    assert standing([Purchase(0, None, 1.0)], 12, Terms()) == []
    assert standing([Purchase(0, 0, 1.0)], 11, Terms()) == [Standing(0, 1.0, 0.6, 1.0)]
