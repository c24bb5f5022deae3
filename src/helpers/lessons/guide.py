"""The facilitator's guide: a plan with minutes, what people stumble over, and the answers on the data at hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.catalog import notebooks
from helpers.lessons.exercises import Exercise, makers

READING = 15  # minutes to read the month together before the first exercise
CLOSING = 10


@dataclass(frozen=True)
class Plan:
    """Minutes by part; what stands in the guide's table."""

    parts: tuple[tuple[str, int], ...]

    @property
    def minutes(self) -> int:
        """All of it."""
        return sum(m for _, m in self.parts)


def plan(exercises: list[Exercise]) -> Plan:
    """Reading, each exercise with as long again for talk of it as half its minutes, closing."""
    each = [(f"{e.number}. {e.title}", e.minutes + (e.minutes + 1) // 2) for e in exercises]
    return Plan((("Read the month together", READING), *each, ("What do we do on Monday", CLOSING)))


def text(notebook_id: str | Path, run: Any) -> str:
    """The guide as Markdown, its answers computed from the run that the notebook itself begins with.

    Parameters
    ----------
    notebook_id : str or Path
    run : Run
        As ``helpers.runs.begin`` gives it on the store that the learners get.
    """
    notebook = notebooks.find(notebook_id)
    exercises = [make(run) for make in makers(notebook.stem)]
    schedule = plan(exercises)
    lines = [
        f"# {notebooks.title(notebook)}: facilitator's guide",
        "",
        f"Answers are for {run.month.title}, {run.currency}, as of {run.as_of}, from the learners' own copy of the data."
        " They are computed, so a learner who changes a parameter gets other right answers.",
        "",
        "## Plan",
        "",
        "| part | minutes |",
        "|---|---:|",
        *(f"| {name} | {minutes} |" for name, minutes in schedule.parts),
        f"| **all** | **{schedule.minutes}** |",
        "",
        "Half of an exercise's minutes again is for talk: let two people with different answers explain theirs first.",
    ]
    for e in exercises:
        lines += ["", *_exercise(e)]
    return "\n".join(lines) + "\n"


def _exercise(e: Exercise) -> list[str]:
    if e.solution is None:
        return [
            f"## Exercise {e.number}: {e.title}",
            "",
            e.question,
            "",
            f"**No answer on these data:** {e.because}",
        ]
    return [
        f"## Exercise {e.number}: {e.title} ({e.minutes} minutes)",
        "",
        e.question,
        "",
        f"**Answer:** {e.shown(e.solution)}. {e.because}",
        "",
        f"**Hint the learner can open:** {e.hint}",
        "",
        "**Likely mistakes, each of which the check explains:**",
        "",
        *(f"- {e.shown(m.answer)}: {m.why}" for m in e.mistakes),
        "",
        f"**Watch for:** {e.watch}",
    ]
