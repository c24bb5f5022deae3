"""Bars for a person, lines for a log."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

from rich.console import Console

from helpers.runs.batch import progress


def item(state: str = "done", folder: str = "2026-09/a", **told):
    return SimpleNamespace(state=state, told=told, report=SimpleNamespace(folder=folder))


def test_a_log_has_a_line_for_each_report_and_one_about_the_whole(monkeypatch):
    log = io.StringIO()
    lines = progress.Lines(log)
    lines.begun(5, 4)
    lines.finished(item(seconds=1.25))
    lines.clock -= 100
    lines.last -= 100
    lines.finished(item("failed", found="it took longer than 5 s"))
    lines.delivered(item(), {"state": "failed", "kind": "email", "found": "no server"})
    said = [re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", "", line) for line in log.getvalue().splitlines()]
    assert said == [
        "5 reports: 4 to make, 1 there already",
        "1/4 done 2026-09/a: 1.2 s",
        "2/4 failed 2026-09/a: it took longer than 5 s",
        said[3],
        "delivery failed 2026-09/a (email: no server)",
    ]
    assert re.fullmatch(r"2 of 4, 1 failed, \d+ an hour, about 2 min left", said[3])


def test_a_terminal_has_bars_with_what_runs_and_what_failed(monkeypatch):
    bars = progress.Bars()
    screen = io.StringIO()
    bars.console = bars.bar.live.console = Console(file=screen, force_terminal=True, width=120)
    bars.begun(3, 2)
    one, other = item(folder="2026-09/a"), item("failed", "2026-09/b", found="no [red]money[/red]")
    bars.started(one)
    bars.section(one, "Change")
    bars.bar.refresh()
    assert "2026-09/a · Change" in screen.getvalue()
    bars.finished(one)
    bars.started(other)
    bars.again(other, ValueError("once"))
    bars.finished(other)
    bars.bar.refresh()
    bars.ended()
    said = screen.getvalue()
    assert "failed 2026-09/b: no [red]money[/red]" in said  # a cell's words are no markup
    assert "2/2" in said and "1 failed" in said and "there already" in said
    assert not bars.shown


def test_time_left_comes_from_what_is_done():
    assert progress.left(50, 200, 100.0) == "about 5 min left"
    assert progress.left(190, 200, 950.0) == "about 50 s left"
    assert progress.left(10, 20_000, 100.0) == "about 55.5 h left"
    assert progress.left(0, 10, 5.0) == progress.left(10, 10, 5.0) == ""
