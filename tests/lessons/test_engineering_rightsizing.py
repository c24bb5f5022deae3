"""Engineering's exercises on the sample company: solutions pass, usual mistakes are explained, nothing to ask is said."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.lessons.making import marks_rightly

from helpers.lessons import exercise
from helpers.lessons.exercises import ABSENT, makers
from helpers.runs import begin

ALL = range(1, len(makers("engineering_rightsizing")) + 1)


@pytest.fixture(scope="module")
def run(larkspur):
    return begin("engineering_rightsizing", data=str(larkspur), month="2026-09", keep="", answer="40")


def test_there_are_at_least_six_exercises():
    assert len(ALL) >= 6


@pytest.mark.parametrize("number", ALL)
def test_solution_blank_and_mistakes(run, number):
    marks_rightly(exercise(run, number), number)


def test_answers_are_those_of_the_planted_truth(run):
    """The idle machines of the sample, but for what September's sum rounds; the promise of the database."""
    import json

    from tests.conftest import ROOT

    truth = json.loads((ROOT / "sample_data" / "truth" / "idle-machine.json").read_text("utf-8"))
    ids = {r["scope"]["ResourceId"] for r in truth}
    from helpers.catalog import engineering

    found = engineering.review(run)
    idle = [a for a in found.found.advice if a.kind == "idle machine" and a.resource_id in ids]
    assert len(idle) == 6
    assert exercise(run, 1).solution >= sum(a.saving for a in idle)
    assert exercise(run, 6).solution.startswith("platform-db")


def test_without_hours_and_lists_there_is_nothing_to_ask(run):
    bare = SimpleNamespace(
        notebook_id="engineering_rightsizing", charges=run.charges, month=run.month, as_of=run.as_of, currency="USD",
        usage=None, table=lambda name: None, own={},
    )  # fmt: skip
    for number in (1, 2, 3, 6, 7):
        e = exercise(bare, number)
        assert e.solution is None
        assert e.check("5").feedback.state == ABSENT
        assert e.because


def test_the_guide_has_every_answer(run):
    from helpers.lessons import guide

    text = guide.text("engineering_rightsizing", run)
    assert text.count("**Answer:**") == len(ALL)
