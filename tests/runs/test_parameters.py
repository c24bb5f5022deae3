"""Parameters are read, never run; names and values are checked before anything starts (line 18)."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given as each
from hypothesis import strategies as st
from tests.runs.making import notebook

from helpers.runs import parameters, secrets
from helpers.terms.errors import BadInput, UsageError

KNOWN = {n: parameters.Parameter(n, "", "") for n in ("data", "month", "as_of", "provider", "department")}


@pytest.mark.parametrize("module", [parameters, secrets])
def test_examples(module):
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted


def test_a_notebook_s_parameters_with_their_comments(tmp_path):
    found = parameters.declared(notebook(tmp_path / "tiny.ipynb", "open('never')"))
    assert [(p.name, p.default, p.doc) for p in found.values()] == [
        ("data", "store", "folder of the store"),
        ("month", "", "YYYY-MM"),
    ]


def test_a_notebook_without_such_a_cell_takes_none(tmp_path):
    with pytest.raises(UsageError, match="this notebook takes none"):
        parameters.check({"month": ""}, parameters.declared(notebook(tmp_path / "t.ipynb", parameters="")))


@pytest.mark.parametrize(
    "cell", ["month = 9", 'month = str("x")', "import os", "open('x', 'w')", 'a = b = f"{1}"', 'x["a"] = "b"']
)
def test_a_parameters_cell_with_code_is_refused_and_not_run(tmp_path, monkeypatch, cell):
    monkeypatch.chdir(tmp_path)
    made = notebook(tmp_path / "tiny.ipynb", parameters=cell)
    with pytest.raises(BadInput, match="line 1"):
        parameters.declared(made)
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.ipynb"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"cells": 3}', "ID,Cost\n1,2", '{"cells": [{"source": ["def ("]}]}', "\x00\xff"]
)
def test_what_is_no_notebook_is_refused(tmp_path, text):
    path = tmp_path / "x.ipynb"
    path.write_text(text, "latin-1")
    try:
        found = parameters.declared(path)
    except BadInput as refused:
        assert refused.file == str(path)
    else:
        assert found == {}


def test_a_parameters_cell_that_does_not_parse_is_refused(tmp_path):
    for broken in ("month = (", 'month = "', "def (:"):
        with pytest.raises(BadInput, match="parameters"):
            parameters.declared(notebook(tmp_path / "x.ipynb", parameters=broken))


@pytest.mark.parametrize(
    ("name", "near"),
    [("mnth", "month"), ("Month", "month"), ("as-of", "as_of"), ("departement", "department")],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, near):
    with pytest.raises(UsageError, match=f"did you mean {near}"):
        parameters.check({name: "x"}, KNOWN)


@pytest.mark.parametrize(
    "name",
    ["x=1\nopen('pwned','w')", "month\n", "month ", "__import__('os')", "month\x00", "\ud800", "m" * 10_000],
)
def test_hostile_names_are_unknown_and_short_in_the_message(name):
    with pytest.raises(UsageError) as refused:
        parameters.check({name: "x"}, KNOWN)
    assert len(refused.value.found) < 100
    assert "\n" not in refused.value.found
    refused.value.found.encode("utf-8")


@pytest.mark.parametrize("value", ["a\nb", "a\x00b", "\ud800", "x" * 10_000, "a\u2028b", "\x1b[31m", "\t"])
def test_values_that_cannot_stand_in_one_line_are_refused(value):
    with pytest.raises(UsageError, match="department has") as refused:
        parameters.check({"department": value}, KNOWN)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "value", ["'", '"""', "\\", "'; open('x','w') #", "{month}", "$(id)", "Zürich → €", "=1+1"]
)
def test_hostile_values_arrive_as_they_are(value):
    assert parameters.check({"department": value}, KNOWN) == {"department": value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("month", "2026-9"),
        ("month", "2026-13"),
        ("month", "September"),
        ("as_of", "2026-02-30"),
        ("as_of", "today"),
    ],
)
def test_months_and_days_have_their_form_before_anything_starts(name, value):
    with pytest.raises(UsageError, match=value):
        parameters.check({name: value}, KNOWN)
    assert parameters.check({name: ""}, KNOWN) == {name: ""}


@pytest.mark.parametrize("value", [7, 1.5, None, ["a"], {"a": "b"}, b"x"])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(UsageError, match="a text"):
        parameters.check({"department": value}, KNOWN)


@pytest.mark.parametrize("value", ["0123", "1e5", "true", "null", "2026-09", "a=b", "", " x "])
def test_texts_stay_texts(value):
    assert parameters.split([f"department={value}"]) == {"department": value}


@pytest.mark.parametrize(
    ("pairs", "said"), [(["month"], "name=value"), (["=x"], "name=value"), (["a=1", "a=1"], "twice")]
)
def test_pairs_that_are_none_or_doubled_are_refused(pairs, said):
    with pytest.raises(UsageError, match=said):
        parameters.split(pairs)


@each(st.text(min_size=1), st.text())
def test_any_pair_is_taken_as_it_is_or_refused_with_a_sentence(name, value):
    try:
        taken = parameters.check(parameters.split([f"{name}={value}"]), KNOWN)
    except UsageError as refused:
        assert refused.remedy
    else:
        assert taken == {name: value}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("AWS_SECRET_ACCESS_KEY=abc/def+ghi", "abc/def+ghi"),
        ("password: hunter2", "hunter2"),
        ('{"token": "t0k3n", "month": "2026-09"}', "t0k3n"),
        ("Authorization: Bearer abcdefghijkl", "abcdefghijkl"),
        ("s3://AKIAABCDEFGHIJKLMNOP@bucket", "AKIAABCDEFGHIJKLMNOP"),
        ("https://host/x?sv=1&sig=ab%2Fcd&se=2", "ab%2Fcd"),
        ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=Zm9v==;EndpointSuffix=x", "Zm9v=="),
        ("abfs://user:pass@host/c", "pass@"),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2ln", "eyJzdWIiOiIx"),
        ("aws_session_token = 'FwoGZXIvYXdzE'", "FwoGZXIvYXdzE"),
        ("client_secret='p q'", "p q"),
        ('{"private_key": "-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----"}', "MIIE"),
    ],
)
def test_secrets_are_masked(text, secret):
    assert secret not in secrets.masked(text)
    assert "***" in secrets.masked(text)


@pytest.mark.parametrize(
    "text", ["s3://bucket/exports/2026-09/", "2 tokens were billed", "month: 2026-09", "key metrics"]
)
def test_other_texts_stay(text):
    assert secrets.masked(text) == text
