"""What the served page refuses before it starts, and what it makes of a query string and of outputs."""

from __future__ import annotations

import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.runs import app
from helpers.terms.errors import BadInput, Refused, UsageError
from helpers.views import controls


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"mode": "report"}, "mode 'report'"),
        ({"as_of": "5 October"}, "day '5 October'"),
        ({"data": "nowhere"}, "nowhere: no store"),
    ],
)
def test_serve_refuses_before_it_starts(tmp_path, words, said):
    with pytest.raises((UsageError, Refused), match=said):
        app.serve("practitioner_kpis", **({"data": tmp_path} | words))


@given(st.dictionaries(st.sampled_from(app.ASKED), st.text(max_size=30)))
def test_a_query_is_taken_as_it_is_or_refused(parameters):
    try:
        taken = app.asked(urllib.parse.urlencode(parameters))
    except UsageError:
        assert "month" in parameters or not all(v.isprintable() for v in parameters.values())
    else:
        assert taken == {k: v for k, v in parameters.items() if v}


@given(st.text(max_size=60))
def test_any_query_is_taken_or_refused_with_a_sentence(query):
    try:
        assert set(app.asked(query)) <= set(app.ASKED)
    except UsageError as refused:
        assert refused.remedy


def test_choices_become_a_form_of_escaped_text():
    hostile = '"><script>x()</script>'
    shown = app.piece(
        {
            "output_type": "display_data",
            "data": {
                controls.CHOICES: {"choices": {"provider": ["", hostile]}, "chosen": {"provider": hostile}}
            },
        }
    )
    assert "<script" not in shown
    assert "selected" in shown
    assert "&quot;&gt;&lt;script&gt;" in shown


def test_errors_are_sentences():
    refused = BadInput("no <b>provider</b>", "AWS", "choose it")
    shown = app.piece(
        {"output_type": "error", "ename": "BadInput", "evalue": str(refused), "traceback": ["secret"]}
    )
    assert "no &lt;b&gt;provider" in shown
    assert "remedy: choose it" in shown
    assert "secret" not in shown
    shown = app.piece(
        {"output_type": "error", "ename": "OSError", "evalue": "/srv/secret", "traceback": ["secret"]}
    )
    assert "secret" not in shown
    assert "log says why" in shown


def test_an_output_with_a_script_loses_it():
    assert (
        app.piece({"output_type": "display_data", "data": {"text/html": "<p>6<script>x()</script></p>"}})
        == "<p>6</p>"
    )
