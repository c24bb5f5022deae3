"""How a batch goes: bars on a terminal with the time left, lines in a log, nothing for a caller that wants neither."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import Any

EVERY = 60.0  # between two lines about the whole, in a log [s]


class Silent:
    """Says nothing; the methods that a run calls."""

    def begun(self, whole: int, to_make: int) -> None:
        """How many reports the plan has, and how many of them are to be made."""

    def started(self, item: Any) -> None:
        """A report begins."""

    def section(self, item: Any, name: str) -> None:
        """It has come to a section of its notebook."""

    def again(self, item: Any, problem: Exception) -> None:
        """It failed and is tried again."""

    def finished(self, item: Any) -> None:
        """It is done, or failed for good."""

    def delivered(self, item: Any, told: dict[str, Any]) -> None:
        """One of its deliveries ended."""

    def note(self, text: str) -> None:
        """Something to know."""

    def ended(self) -> None:
        """Nothing more comes."""


def left(done: int, to_make: int, seconds: float) -> str:
    """The time left, in words.

    Examples
    --------
    >>> left(50, 200, 100.0)
    'about 5 min left'
    >>> left(0, 200, 3.0)
    ''
    """
    if not done or done >= to_make:
        return ""
    rest = seconds / done * (to_make - done)
    return f"about {rest:.0f} s left" if rest < 90 else f"about {rest / 60:.0f} min left" if rest < 5400 else f"about {rest / 3600:.1f} h left"  # fmt: skip


class Lines(Silent):
    """A line for each report that ends, and once a minute one about the whole; each begins with the time in UTC."""

    def __init__(self, to: Any = None) -> None:
        self.to = to or sys.stderr
        self.done = self.failed = self.to_make = 0
        self.clock = self.last = time.monotonic()

    def _say(self, text: str) -> None:
        print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}", file=self.to, flush=True)

    def begun(self, whole: int, to_make: int) -> None:
        self.to_make, self.clock, self.last = to_make, time.monotonic(), time.monotonic()
        self._say(f"{whole} reports: {to_make} to make, {whole - to_make} there already")

    def again(self, item: Any, problem: Exception) -> None:
        self._say(f"again {item.report.folder}: {getattr(problem, 'found', problem)}")

    def finished(self, item: Any) -> None:
        self.done += 1
        self.failed += item.state == "failed"
        how = f"{item.told.get('seconds', 0):.1f} s" if item.state == "done" else item.told.get("found", "")
        self._say(f"{self.done}/{self.to_make} {item.state} {item.report.folder}: {how}")
        now = time.monotonic()
        if now - self.last > EVERY:
            self.last = now
            rate = self.done / (now - self.clock) * 3600
            self._say(f"{self.done} of {self.to_make}, {self.failed} failed, {rate:,.0f} an hour, {left(self.done, self.to_make, now - self.clock)}")  # fmt: skip

    def delivered(self, item: Any, told: dict[str, Any]) -> None:
        where = (
            f" {told['to']}"
            if told.get("to")
            else f": {told.get('found', '')}"
            if told["state"] == "failed"
            else ""
        )
        self._say(f"delivery {told['state']} {item.report.folder} ({told['kind']}{where})")

    def note(self, text: str) -> None:
        self._say(text)


class Bars(Silent):
    """Bars on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[failed]}", style="red"), console=self.console, transient=True,
        )  # fmt: skip
        self.failed = 0
        self.shown: dict[str, Any] = {}
        self.whole: Any = None

    def begun(self, whole: int, to_make: int) -> None:
        self.bar.start()
        self.whole = self.bar.add_task(f"reports ({whole - to_make} there already)", total=to_make, failed="")

    def started(self, item: Any) -> None:
        self.shown[item.report.folder] = self.bar.add_task(
            f"  {_short(item.report.folder)}", total=None, failed=""
        )

    def section(self, item: Any, name: str) -> None:
        task = self.shown.get(item.report.folder)
        if task is not None:
            self.bar.update(task, description=f"  {_short(item.report.folder)} · {_short(name, 30)}")

    def again(self, item: Any, problem: Exception) -> None:
        self._gone(item)
        self.note(f"again {item.report.folder}: {getattr(problem, 'found', problem)}")

    def finished(self, item: Any) -> None:
        self._gone(item)
        self.failed += item.state == "failed"
        if item.state == "failed":
            self.note(f"failed {item.report.folder}: {item.told.get('found', '')}")
        self.bar.update(self.whole, advance=1, failed=f"{self.failed} failed" if self.failed else "")

    def delivered(self, item: Any, told: dict[str, Any]) -> None:
        if told["state"] == "failed":
            self.note(f"not delivered {item.report.folder}: {told.get('found', '')}")

    def note(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)

    def ended(self) -> None:
        self.bar.stop()

    def _gone(self, item: Any) -> None:
        task = self.shown.pop(item.report.folder, None)
        if task is not None:
            self.bar.remove_task(task)


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def fitting() -> Silent:
    """Bars where a person watches, lines elsewhere."""
    return Bars() if sys.stderr.isatty() else Lines()
