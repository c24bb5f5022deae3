"""Exercises on the learner's own data: a question, a hint, a check that explains the usual mistakes.

An exercise is data with its answer computed from the charges at hand, never typed in. The same object serves the
notebook (write the answer in code), the lesson page (a field and a button) and the facilitator's guide.
"""

from __future__ import annotations

import html
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from helpers.lessons import answers
from helpers.terms.errors import UsageError

RIGHT, WRONG, BLANK, ABSENT = "right", "wrong", "blank", "absent"


@dataclass(frozen=True)
class Mistake:
    """One usual wrong way.

    Attributes
    ----------
    answer : Decimal, date or str
        What that way gives on the data at hand.
    why : str
        What went wrong and where to look, one or two sentences.
    """

    answer: Decimal | date | str
    why: str


@dataclass(frozen=True)
class Exercise:
    """One question on the month at hand.

    Attributes
    ----------
    number, title, minutes : int, str, int
    question, hint : str
    kind : str
        ``money`` [currency, to the cent], ``percent`` [1, to one decimal of a percent], ``date`` or ``choice``.
    solution : Decimal, date, str or None
        None where the data at hand have nothing to ask about; `because` then says what is missing.
    because : str
        Shown with a right answer: what it means. Where there is no solution: why not.
    mistakes : tuple of Mistake
    unit : str
        Written behind the field, such as ``USD`` or ``%``.
    choices : tuple of str
        The answers offered where kind is ``choice``.
    watch : str
        For the facilitator: what people stumble over and what to ask them.
    """

    number: int
    title: str
    minutes: int
    question: str
    hint: str
    kind: str
    solution: Decimal | date | str | None
    because: str
    mistakes: tuple[Mistake, ...] = ()
    unit: str = ""
    choices: tuple[str, ...] = ()
    watch: str = ""

    def check(self, answer: object = ...) -> Task:
        """The exercise with what it says to an answer; a blank (``...``, None, empty text) is met kindly.

        Parameters
        ----------
        answer : Decimal, int, float, date or str
            As a person writes it: ``"1,234.56"``, ``"12.5 %"``, ``Decimal("0.125")``, ``"12 October 2026"``.

        Examples
        --------
        >>> sum_of_two = Exercise(1, "Add", 1, "Half and half?", "Add.", "money", Decimal("1"), "Yes.")
        >>> sum_of_two.check("1.00").feedback.state, sum_of_two.check().feedback.state
        ('right', 'blank')
        """
        return Task(self, self.judge(answer))

    def judge(self, answer: object) -> Feedback:
        """What is said to `answer`; see `check`."""
        if self.solution is None:
            return Feedback(ABSENT, self.because)
        if answers.blank(answer):
            return Feedback(BLANK, f"No answer yet. Take your time; the hint is one click away. {self._form}")
        try:
            readings = answers.readings(answer, self.kind, self.choices)
        except ValueError as unread:
            return Feedback(WRONG, f"{unread} {self._form}")
        if answers.meets(readings, self.solution, self.kind):
            return Feedback(RIGHT, f"Right: {self.shown(self.solution)}. {self.because}")
        for mistake in self.mistakes:
            if answers.meets(readings, mistake.answer, self.kind):
                return Feedback(WRONG, f"Not yet. {mistake.why}")
        return Feedback(WRONG, f"Not yet. {self._nearness(readings)}")

    def shown(self, value: Decimal | date | str) -> str:
        """A solution as a person reads it."""
        return answers.shown(value, self.kind, self.unit)

    @property
    def _form(self) -> str:
        return answers.FORMS[self.kind]

    def _nearness(self, readings: tuple) -> str:
        wide = answers.near(readings, self.solution, self.kind)
        return (
            "You are close: the way is right or nearly so, look at rounding and at the rows left out. "
            if wide
            else "This is another number than the one asked for. Read the question once more word by word. "
        ) + f"Hint: {self.hint}"


@dataclass(frozen=True)
class Feedback:
    """What is said to one answer: `state` is right, wrong, blank or absent; `text` one or two sentences."""

    state: str
    text: str

    @property
    def html(self) -> str:
        """A paragraph that screen readers speak when it changes."""
        mark = {RIGHT: "✓ ", WRONG: "↻ "}.get(self.state, "")
        return f'<p class="kit-feedback kit-{self.state}">{html.escape(mark + self.text)}</p>'

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}


@dataclass(frozen=True)
class Task:
    """An exercise as it stands on the page: question, hint, a field to answer in, and the feedback."""

    exercise: Exercise
    feedback: Feedback = field(default_factory=lambda: Feedback(BLANK, ""))

    @property
    def html(self) -> str:
        """Question and hint; the field is drawn by `helpers.views.controls`."""
        e = self.exercise
        return (
            f'<div class="kit-task"><p class="kit-task-head">Exercise {e.number} · {html.escape(e.title)}'
            f" · {e.minutes} minutes</p><p>{html.escape(e.question)}</p>"
            f"<details><summary>Hint</summary><p>{html.escape(e.hint)}</p></details></div>"
        )

    def __str__(self) -> str:
        e = self.exercise
        return f"Exercise {e.number}: {e.title} ({e.minutes} minutes)\n{e.question}\n{self.feedback}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.html + self.feedback.html, "text/plain": str(self)}

    def _ipython_display_(self) -> None:
        from IPython.display import display

        from helpers.views import controls

        e = self.exercise
        if e.solution is None:  # nothing to answer on these data
            display(self._repr_mimebundle_(), raw=True)
            return
        controls.question(
            self.html,
            label=f"Your answer to exercise {e.number}",
            unit=e.unit,
            choices=e.choices,
            first=self.feedback.html,
            judge=lambda given: e.judge(given).html,
            plain=str(self),
        )


Maker = Callable[[Any], Exercise]


def makers(notebook_id: str) -> tuple[Maker, ...]:
    """The notebook's exercises in order, each a function of the run at hand (module of the notebook's name)."""
    try:
        return importlib.import_module(f"helpers.lessons.{notebook_id}").EXERCISES
    except ModuleNotFoundError:
        raise UsageError(
            f"notebook {notebook_id!r} has no exercises",
            f"a module helpers/lessons/{notebook_id}.py with EXERCISES",
            "see docs/add-a-notebook.md",
        ) from None


def exercise(run: Any, number: int) -> Exercise:
    """Exercise `number` of the run's notebook, its answer computed from the run's own charges.

    Parameters
    ----------
    run : helpers.runs.session.Run
        As given by ``begin``: notebook_id, charges, month, currency, as_of.
    number : int
        From 1.

    Raises
    ------
    UsageError
        If the notebook has no such exercise.
    """
    all_of_it = makers(run.notebook_id)
    if not 1 <= number <= len(all_of_it):
        raise UsageError(f"exercise {number}", f"a number from 1 to {len(all_of_it)}", "count from 1")
    return all_of_it[number - 1](run)
