"""The anomalies' exercises on the sample company: solutions pass, usual mistakes are explained, nothing to ask is said."""

from __future__ import annotations

import json

import pytest
from tests.conftest import ROOT
from tests.lessons.making import marks_rightly

from helpers.catalog import anomalies
from helpers.lessons import engineering_anomalies, exercise
from helpers.lessons.exercises import ABSENT, makers
from helpers.runs import begin

ALL = range(1, len(makers("engineering_anomalies")) + 1)


@pytest.fixture(scope="module")
def run(larkspur):
    return begin("engineering_anomalies", data=str(larkspur), month="2026-09", horizon="30")


def test_there_are_at_least_six_exercises():
    assert len(ALL) >= 6


@pytest.mark.parametrize("number", ALL)
def test_solution_blank_and_mistakes(run, number):
    marks_rightly(exercise(run, number), number)


def test_answers_are_those_of_the_planted_truth(run):
    """September's dearest alarm is the miner; it began on its planted day; the creep is the dearest of the planted ones."""
    truth = json.loads((ROOT / "sample_data" / "truth" / "crypto-miner.json").read_text("utf-8"))[0]
    creeps = json.loads((ROOT / "sample_data" / "truth" / "cost-creep.json").read_text("utf-8"))
    found = anomalies.review(run)
    assert found.alarms[0].resource_id == truth["scope"]["ResourceId"]
    assert exercise(run, 2).solution.isoformat() == truth["start"]
    assert exercise(run, 5).solution == "new"
    assert any(r["title"].startswith(exercise(run, 7).solution) for r in creeps)


def test_a_quiet_month_has_nothing_to_ask(larkspur):
    calm = begin("engineering_anomalies", data=str(larkspur), month="2025-09", horizon="30")
    for number in (1, 2, 3, 5, 6):
        e = exercise(calm, number)
        assert e.solution is None and e.because
        assert e.check("1").feedback.state == ABSENT
    assert engineering_anomalies.CALM in exercise(calm, 1).because
