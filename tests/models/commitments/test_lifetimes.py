"""What is learned of how long types live."""

from __future__ import annotations

import numpy as np
import pytest
from tests.models.commitments.worlds import hours, migrating, region

from helpers.models.commitments.lifetimes import Lifetimes, fates


def test_a_replaced_type_and_its_day():
    past = migrating("2022-03-01").until(hours("2021-02-01", "2022-08-01"))
    found = fates(past)
    assert found["A"].replaced
    assert found["A"].aged  # it was there when the data began
    day = (np.datetime64("2022-03-01") - np.datetime64("2021-02-01")).astype(int)
    assert abs(found["A"].seen - day) <= 12
    assert not found["B"].replaced
    assert not found["B"].aged
    assert abs(found["B"].born - day) <= 1


def test_a_region_that_shrinks_as_a_whole_replaces_nothing():
    use = np.concatenate([np.full((300 * 24, 1), 50.0), np.full((60 * 24, 1), 5.0)])
    assert not fates(region(use))["A"].replaced


def test_a_type_used_now_and_then_is_no_generation():
    use = np.full((200 * 24, 2), 50.0)
    use[np.arange(len(use)) % 7 > 0, 1] = 0
    assert set(fates(region(use, ("A", "S")))) == {"A"}


def test_the_young_are_safer_than_those_of_unknown_age():
    past = migrating("2022-03-01").until(hours("2021-02-01", "2022-08-01"))
    still = migrating("2029-01-01", name="2").until(hours("2021-02-01", "2022-02-01"))
    lives = Lifetimes([past])
    young = lives.chances("1", "B", fates(past)["B"].born, 12).mean()
    aged = Lifetimes([still]).chances("2", "A", 0, 12).mean()
    assert young > 0.88 > aged
    assert lives.chances("1", "A", 0, 12).mean() == pytest.approx(0.3)


def test_what_one_region_replaced_is_in_danger_elsewhere():
    cut = hours("2021-02-01", "2022-08-01")
    gone, here = migrating("2022-03-01").until(cut), migrating("2029-01-01", name="2").until(cut)
    alone = Lifetimes([here]).chances("2", "A", 0, 12)
    warned = Lifetimes([gone, here]).chances("2", "A", 0, 12)
    assert warned.mean() < 0.6 * alone.mean()
    assert (np.diff(warned) <= 1e-12).all()  # ever less likely


def test_a_long_life_seen_raises_what_is_expected():
    long = region(np.full((36 * 730, 1), 50.0), ("A",))
    short = Lifetimes([long.until(730 * 2)])
    assert Lifetimes([long]).mean > short.mean
