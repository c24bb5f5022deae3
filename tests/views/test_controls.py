"""What stands behind a control: what a page sends is checked again."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.terms.errors import UsageError
from helpers.views import controls

OFFERED = {"month": ["2026-08", "2026-09"], "provider": ["", "AWS"]}


def test_examples():
    assert doctest.testmod(controls).failed == 0


@pytest.mark.parametrize("value", ["2026-10", None, 7, ["2026-09"], "2026-09 ", "<img src=x onerror=y>"])
def test_what_is_not_offered_is_refused(value):
    with pytest.raises(UsageError, match="among the choices"):
        controls.checked(OFFERED, {"month": value, "provider": ""})


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_name_that_is_none_is_refused(name, value):
    if value not in OFFERED.get(name, ()):
        with pytest.raises(UsageError):
            controls.checked(OFFERED, {name: value})


def test_the_panel_runs_nothing_for_a_forged_choice():
    ran = []
    panel = controls._panel(OFFERED, {"month": "2026-09"}, lambda **k: ran.append(k) or "<p>ran</p>")
    row, shown = panel.children
    month = row.children[0]
    assert ran == [{"month": "2026-09", "provider": ""}]
    month.options = [("January 1999", "1999-01")]  # as if a page could change what is offered
    month.value = "1999-01"
    assert len(ran) == 1
    assert "among the choices" in shown.value


def test_an_answer_that_is_no_choice_is_judged_as_none(monkeypatch):
    judged, boxes = [], []
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: boxes.append(a))
    made = []
    import ipywidgets

    whole = ipywidgets.VBox.__init__
    monkeypatch.setattr(
        ipywidgets.VBox,
        "__init__",
        lambda self, children=(), **k: (made.append(children), whole(self, children, **k))[1],
    )
    controls.question(
        "<p>Why?</p>", label="Your answer", unit="", choices=("price", "volume"), first="", plain="",
        judge=lambda value: judged.append(value) or "<p>judged</p>",
    )  # fmt: skip
    _, given, button, _said = made[0]
    given.options = [("x", "forged")]
    given.value = "forged"
    button.click()
    assert judged == [""]
    controls.question(
        "<p>How much?</p>",
        label="Your answer",
        unit="USD",
        choices=(),
        first="",
        plain="",
        judge=lambda v: judged.append(v) or "",
    )
    _, given, _, _ = made[1]
    given.value = "9" * 100_000
    assert len(judged[-1]) == controls.LONGEST
