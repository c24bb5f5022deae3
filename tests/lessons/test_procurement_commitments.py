"""Procurement's exercises on the sample company: solutions pass, usual mistakes are explained, nothing to ask is said."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.lessons.making import marks_rightly

from helpers.lessons import exercise
from helpers.lessons.exercises import ABSENT, makers
from helpers.runs import begin

ID = "procurement_commitments"
ALL = range(1, len(makers(ID)) + 1)


@pytest.fixture(scope="module")
def run(larkspur):
    return begin(ID, data=str(larkspur), month="2026-09", currency="EUR")


@pytest.fixture(scope="module")
def dollars(larkspur):
    return begin(ID, data=str(larkspur), month="2026-09")


def test_there_are_at_least_six_exercises():
    assert len(ALL) >= 6


@pytest.mark.parametrize("number", ALL)
def test_solution_blank_and_mistakes(dollars, number):
    marks_rightly(exercise(dollars, number), number)


def test_a_company_that_lost_nothing_is_told_so(run):
    """Fernhill's one commitment still runs: nothing lapsed."""
    e = exercise(run, 1)
    assert e.solution is None
    assert e.check(1).feedback.state == ABSENT
    assert "No commitment ended" in e.because


def test_the_lapse_is_the_planted_one(dollars):
    import json

    from tests.conftest import ROOT

    from helpers.lessons.procurement_commitments import _page

    (record,) = json.loads((ROOT / "sample_data" / "truth" / "lapsed-commitment.json").read_text("utf-8"))
    held = {h.id: h for h in _page(dollars).held}
    assert held[record["scope"]["CommitmentDiscountId"]].verdict == "lapsed"


def test_numbers_start_at_one():
    with pytest.raises(Exception, match="a number from 1"):
        exercise(SimpleNamespace(notebook_id=ID), 0)
