"""How an exercise is held to its own solution and mistakes."""

from __future__ import annotations

from typing import Any

from helpers.lessons.exercises import BLANK, RIGHT, WRONG


def marks_rightly(exercise: Any, number: int) -> None:
    """The solution passes, nothing is blank, and each of two or more usual mistakes is explained in words of its own."""
    e = exercise
    assert (e.number, e.minutes > 0, bool(e.watch)) == (number, True, True)
    assert e.check(e.solution).feedback.state == RIGHT
    assert e.check(e.shown(e.solution)).feedback.state == RIGHT, "as a person would copy it from the page"
    assert e.check("").feedback.state == BLANK
    assert len(e.mistakes) >= 2
    said = {e.check(m.answer).feedback for m in e.mistakes}
    assert {f.state for f in said} == {WRONG}
    assert len({f.text for f in said}) == len(e.mistakes)
