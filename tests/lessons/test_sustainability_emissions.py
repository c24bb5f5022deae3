"""Each exercise of the sustainability lesson on the sample company: solution, blank, each usual mistake, any other answer."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from tests.lessons.making import marks_rightly
from tests.notebooks.test_sustainability_emissions import used  # noqa: F401 - the store with use

from helpers.lessons import exercise
from helpers.lessons.exercises import ABSENT, BLANK, WRONG, makers
from helpers.runs import begin

ALL = range(1, len(makers("sustainability_emissions")) + 1)


@pytest.fixture(scope="module")
def run(used):  # noqa: F811
    return begin("sustainability_emissions", data=str(used), month="2026-09")


def test_there_are_at_least_six_exercises():
    assert len(ALL) >= 6


@pytest.mark.parametrize("number", ALL)
def test_solution_blank_and_mistakes(run, number):
    e = exercise(run, number)
    marks_rightly(e, number)
    assert e.check(...).feedback.state == BLANK
    other = {"money": "987,654,321.09", "percent": "77.77 %", "choice": "none of these"}
    assert e.check(other[e.kind]).feedback.state == WRONG


def test_answers_are_of_the_planted_things(run):
    assert exercise(run, 3).solution == "assist-vm-056a"
    assert exercise(run, 4).question.startswith("batch-dc30 runs in polandcentral")
    assert exercise(run, 5).solution == "quill-out"


def test_where_there_is_nothing_to_ask_it_says_what_is_missing(used):  # noqa: F811
    bare = begin("sustainability_emissions", data=str(used), month="2026-09", provider="Lumenlog")
    for number in ALL:
        e = exercise(bare, number)
        if number == 5:
            assert e.solution == "lume-hosts"
        else:
            assert e.solution is None and e.check(D(1)).feedback.state == ABSENT
