"""A plan is read strictly: what it does not know it refuses, with the place and the nearest; and it means what it says."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.runs.batch.making import PARAMETERS, plan_file, tiny
from tests.runs.making import notebook

from helpers.runs.batch import plan as plans
from helpers.runs.batch import running
from helpers.runs.batch.plan import Held
from helpers.terms.errors import UsageError

HELD = Held(
    [
        ("2026-08", "AWS", "Search", "USD"),
        ("2026-08", "Azure", "Checkout", "EUR"),
        ("2026-09", "AWS", "Checkout", "USD"),
        ("2026-09", "AWS", "Search", "USD"),
        ("2026-09", "Azure", "Search", "EUR"),
        ("2026-09", "Azure", "", "EUR"),
        ("2026-10", "AWS", "Search", "USD"),
    ],
    "2026-10-05",
    ["2026-08", "2026-09", "2026-10"],
)
WIDE = 'data: str = ""\nmonth: str = ""\nprovider: str = ""\ndepartment: str = ""\ncurrency: str = ""\n'


@pytest.fixture
def folder(tmp_path):
    tiny(tmp_path)
    notebook(tmp_path / "wide.ipynb", parameters=WIDE)
    return tmp_path


def folders(path, held=HELD):
    return [r.folder for r in plans.expand(plans.read(path), {"": held})]


def test_months_and_lists_give_every_combination_in_order(folder):
    path = plan_file(folder, months="[2026-09, 2026-11..2026-12]")
    assert folders(path) == [f"{m}/{t}" for m in ("2026-09", "2026-11", "2026-12") for t in "abc"]


@pytest.mark.parametrize(
    ("said", "months"),
    [
        ("latest closed", ["2026-09"]),
        ("latest", ["2026-10"]),
        ("last 2 closed", ["2026-08", "2026-09"]),
        ("2026-08..latest closed", ["2026-08", "2026-09"]),
        ("[2026-08, latest closed]", ["2026-08", "2026-09"]),
    ],
)
def test_months_by_name_come_from_the_store_and_its_newest_delivery(folder, said, months):
    path = plan_file(folder, "\n  - notebook: tiny.ipynb", months=said, folder='"{month}"')
    assert folders(path) == months


def test_a_query_gives_what_has_cost_in_each_month(folder):
    reports = "\n  - notebook: wide.ipynb\n    for: {department: {query: every department with cost}}"
    path = plan_file(folder, reports, months="[2026-08, 2026-09]", folder='"{month}/{department}"')
    assert folders(path) == ["2026-08/Checkout", "2026-08/Search", "2026-09/Checkout", "2026-09/Search"]


def test_two_queries_give_only_what_goes_together_and_fits_what_is_fixed(folder):
    both = "department: {query: every department with cost}, provider: {query: every provider with cost}"
    reports = f"\n  - notebook: wide.ipynb\n    for: {{{both}}}"
    path = plan_file(folder, reports, folder='"{month}/{department}/{provider}"')
    assert folders(path) == ["2026-09/Checkout/AWS", "2026-09/Search/AWS", "2026-09/Search/Azure"]
    fixed = reports + "\n    parameters: {currency: EUR}"
    path = plan_file(folder, fixed, folder='"{month}/{department}/{provider}"')
    assert folders(path) == ["2026-09/Search/Azure"]


def test_values_from_a_table_keep_their_text(folder):
    (folder / "teams.csv").write_text("team,owner\n0123,x\nno,y\n0123,z\n")
    reports = "\n  - notebook: tiny.ipynb\n    for: {team: {table: teams.csv, column: team}}"
    made = plans.expand(plans.read(plan_file(folder, reports)), {})
    assert [r.given["team"] for r in made] == ["0123", "no"]
    (folder / "rows.csv").write_text("team\nred\nblue\n")
    made = plans.expand(plans.read(plan_file(folder, "\n  - notebook: tiny.ipynb\n    rows: rows.csv")), {})
    assert [r.given["team"] for r in made] == ["red", "blue"]


def test_plain_words_stay_what_they_are(folder):
    path = plan_file(
        folder, '\n  - notebook: tiny.ipynb\n    for: {team: [0123, no, 1e5, 2026-09-01, "~", null]}'
    )
    teams = [r.given["team"] for r in plans.expand(plans.read(path), {})]
    assert teams == ["0123", "no", "1e5", "2026-09-01", "~", ""]


@pytest.mark.parametrize(
    ("reports", "top", "row", "said"),
    [
        ("", {"fromats": "[html]"}, 6, "no key 'fromats' here.*did you mean formats"),
        ("\n  - notebook: tiny.ipynb\n    four: {team: a}", {}, 8, "no key 'four' here.*did you mean for"),
        ("\n  - notebook: tiny.ipynb\n    for: {teem: a}", {}, 8, "no parameter 'teem'.*did you mean team"),
        ("\n  - notebook: tiny.ipynb\n    for:\n      team: a\n      team: b", {}, 10, "'team' twice"),
        ("\n  - notebook: practitioner_kpi", {}, 7, "no notebook 'practitioner_kpi'.*practitioner_kpis"),
        ("\n  - notebook: tiny.ipynb\n    for: {month: 2026-09}", {}, 8, "the parameter month here"),
        ("\n  - notebook: tiny.ipynb\n    parameters: {data: x}", {}, 8, "the parameter data here"),
        ("\n  - for: {team: a}", {}, 7, "no notebook"),
        ("\n  - notebook: tiny.ipynb\n    for: {team: [a, a]}", {}, 8, "a value twice"),
        ("\n  - notebook: tiny.ipynb\n    for: {team: {query: SELECT 1}}", {}, 8, "no query 'SELECT 1'"),
        ("\n  - notebook: tiny.ipynb\n    for: {team: {query: every department with cost}}", {}, 8, "for: department"),
        ("\n  - notebook: tiny.ipynb\n    for: {team: {table: no.csv, column: x}}", {}, 8, "no table: .*No such file"),
        ("", {"months": "lastest closed"}, 4, "did you mean latest closed"),
        ("", {"months": "2026-13"}, 4, "months '2026-13'"),
        ("", {"months": "2026-09..2026-01"}, 4, "runs backwards"),
        ("", {"folder": '"../{team}"'}, 3, "the folder"),
        ("", {"folder": '"/tmp/{team}"'}, 3, "the folder"),
        ("", {"folder": '".x/{team}"'}, 3, "the folder"),
        ("", {"folder": '"{teams}"'}, 3, "did you mean team"),
        ("", {"formats": "[htm]"}, 6, "no format 'htm'.*did you mean html"),
        ("", {"limits": "{time: 10}"}, 5, "'10'.*write  10 s"),
        ("", {"limits": "{memory: 1 TB}"}, 5, "'1 TB'"),
        ("", {"limits": "{workers: 0}"}, 5, "workers '0'"),
        ("", {"limits": "{retries: 9}"}, 5, "retries '9'"),
        ("\n  - notebook: tiny.ipynb\n    limits: {workers: 2}", {}, 8, "workers of one report"),
        ("", {"plan": "A b"}, 1, "the name 'A b'"),
        ("", {"deliver": "[{fodler: x}]"}, 6, "a delivery with none of"),
        ("", {"to": "&x reports"}, 2, "anchor"),
        ("", {"to": "!!python/object:x y"}, 2, "the tag"),
        ("", {"to": "[a"}, None, "no YAML"),
        ("\n  - notebook: tiny.ipynb\n    viewer: ana", {}, 8, "a viewer, and no rights"),
        ("\n  - notebook: tiny.ipynb\n    for: {team: [a, A]}", {}, 7, "two reports for one folder"),
        ("", {"folder": '"{month}"'}, 7, "two reports for one folder.*put {team}"),
        ("", {"folder": '"index.html/{team}"'}, 7, "a name of the batch"),
    ],
)  # fmt: skip
def test_what_is_off_is_refused_with_its_place(folder, reports, top, row, said):
    path = plan_file(folder, reports, **top)
    with pytest.raises(UsageError, match=f"(?s){said}") as refused:
        folders(path)
    assert refused.value.file.startswith(str(path))
    if row:
        assert refused.value.row == row or f"line {row}" in refused.value.file
    assert refused.value.needed
    assert refused.value.remedy


def test_a_bad_value_in_a_table_names_the_tables_row(folder):
    (folder / "rows.csv").write_text("team,month\nred,2026-09\n")
    with pytest.raises(UsageError, match="the parameter month here") as refused:
        plans.read(plan_file(folder, "\n  - notebook: tiny.ipynb\n    rows: rows.csv"))
    assert (refused.value.file, refused.value.row, refused.value.column) == ("rows.csv", 2, "month")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=130), min_size=1, max_size=4, unique=True))  # fmt: skip
def test_any_value_becomes_one_step_that_leads_nowhere_else(tmp_path_factory, values):
    from helpers.runs import delivery

    steps = [delivery.step(v) for v in values]
    assert len(set(steps)) == len(steps)
    for step in steps:
        assert "/" not in step and "\\" not in step
        assert step not in ("", ".", "..") and not step.startswith(".")
        assert len(step.encode()) <= 255


def test_a_report_within_anothers_folder_is_refused(folder):
    two = (
        "\n  - notebook: tiny.ipynb\n    folder: '{month}'\n  - notebook: tiny.ipynb\n    folder: '{month}/x'"
    )
    with pytest.raises(UsageError, match="inside the report 2026-09"):
        folders(plan_file(folder, two))


def test_a_value_named_like_what_failed_runs_leave_is_told_apart(folder):
    path = plan_file(folder, "\n  - notebook: tiny.ipynb\n    for: {team: [a, a.failed]}")
    assert folders(path) == ["2026-09/a", "2026-09/a%2Efailed"]


def test_own_lines_of_a_report_stand_before_those_of_the_plan(folder):
    path = plan_file(
        folder,
        "\n  - notebook: tiny.ipynb\n    months: 2026-01\n    formats: [json]\n    limits: {time: 2 min}\n"
        "  - notebook: tiny.ipynb",
        folder='"{month}"',
        limits="{time: 10 min, memory: 500 MB, retries: 0}",
    )
    one, other = plans.expand(plans.read(path), {})
    assert (one.given["month"], one.formats, one.limits.time, one.limits.memory) == ("2026-01", ("json",), 120, 500_000_000)  # fmt: skip
    assert (other.given["month"], other.formats, other.limits.time, other.limits.retries) == ("2026-09", ("html", "json"), 600, 0)  # fmt: skip


def test_a_link_out_of_the_batchs_folder_is_refused(folder):
    from helpers.terms.errors import Refused

    (folder / "reports").mkdir()
    (folder / "elsewhere").mkdir()
    (folder / "reports" / "2026-09").symlink_to(folder / "elsewhere")
    with pytest.raises(Refused, match="a link that leads out"):
        running.intended(plans.read(plan_file(folder)))


def test_the_draft_is_a_plan_that_reads(tmp_path):
    file = tmp_path / "My plan.yaml"
    file.write_text(plans.draft(file, tmp_path / "a store"), "utf-8")
    read = plans.read(file)
    assert (read.name, read.data, read.to) == ("my-plan", tmp_path / "a store", tmp_path / "reports")
    made = plans.expand(read, {"": HELD})
    assert [r.folder for r in made] == [
        f"2026-09/{d}/practitioner_kpis" for d in ("all", "Checkout", "Search")
    ]


def test_the_day_of_the_plan_reaches_each_report(folder):
    notebook(folder / "dated.ipynb", parameters=PARAMETERS + 'as_of: str = ""\n')
    path = plan_file(folder, "\n  - notebook: dated.ipynb\n    for: {team: a}", as_of="2026-10-05")
    (one,) = plans.expand(plans.read(path), {})
    assert date.fromisoformat(one.given["as_of"]) == date(2026, 10, 5)
    with pytest.raises(UsageError, match=r"day '5\.10\.2026'"):
        plans.read(plan_file(folder, as_of="5.10.2026"))
