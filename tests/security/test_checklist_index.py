"""The 27 lines of the checklist, each with the tests that hold it; a line without a test fails here."""

from __future__ import annotations

import ast

import pytest
from tests.security.making import ROOT

WEB, HTTP, TEXT = (
    f"tests/security/test_checklist_{n}.py" for n in ("01_06_kernels", "07_12_http", "14_17_text")
)
STORE, BAD, FAIL = "tests/data/test_store.py", "tests/data/test_bad_input.py", "tests/runs/test_failures.py"
LINES = {
    1: [f"{WEB}::test_01_*"],
    2: [f"{WEB}::test_02_*"],
    3: [f"{WEB}::test_03_*"],
    4: [f"{WEB}::test_04_*", "tests/views/test_controls.py::test_*"],
    5: [f"{WEB}::test_05_*", "tests/runs/test_guard.py::test_*"],
    6: [f"{WEB}::test_06_*"],
    7: [f"{HTTP}::test_07_*", "tests/security/test_ways_in.py::test_*"],
    8: [f"{HTTP}::test_08_*", "tests/runs/test_rights.py::test_*"],
    9: [f"{HTTP}::test_09_*"],
    10: [f"{HTTP}::test_10_*"],
    11: [f"{HTTP}::test_11_*"],
    12: [f"{HTTP}::test_12_*"],
    13: [f"{WEB}::test_13_*"],
    14: [f"{TEXT}::test_14_*", "tests/browser/test_report_page.py::test_hostile_text_in_every_place_is_only_text"],
    15: [f"{HTTP}::test_15_*", "tests/browser/test_report_page.py::test_the_page_asks_nobody_for_anything"],
    16: ["tests/actions/test_csv.py::test_no_text_begins_a_formula", "tests/runs/test_report.py::test_hostile_names_start_nothing_in_a_spreadsheet"],
    17: [f"{TEXT}::test_17_*", "tests/views/test_theme.py::test_*"],
    18: ["tests/runs/test_parameters.py::test_hostile_names_are_unknown_and_short_in_the_message", "tests/runs/test_parameters.py::test_an_unknown_name_is_refused_with_the_nearest", f"{FAIL}::test_an_unknown_parameter_or_notebook_starts_nothing"],
    19: [f"{FAIL}::test_killed_at_ten_random_moments", f"{FAIL}::test_a_full_disk_leaves_the_earlier_report", "tests/data/test_kill_store.py::test_killed_at_every_step", "tests/data/test_kill_store.py::test_a_disk_that_fills_up_at_any_write"],
    20: [f"{FAIL}::test_a_process_that_ends_is_a_failure_with_its_cell"],
    21: [f"{FAIL}::test_two_runs_to_one_folder_the_second_is_told_who_holds_it", "tests/runs/test_stopped.py::test_one_folder_is_never_two_runs_at_once"],
    22: [f"{STORE}::test_the_connection_reaches_nothing_else", f"{STORE}::test_a_link_out_of_the_store_is_not_followed", f"{STORE}::test_live_files_are_not_writable_by_those_who_only_read", "tests/security/test_checklist_22_engine.py::test_22_*"],
    23: [f"{STORE}::test_a_flipped_byte_is_refused", f"{BAD}::test_flipped_parquet_is_refused_by_checksum_and_spoils_nothing", "tests/runs/test_report.py::test_a_flipped_byte_in_the_store_is_refused"],
    24: [f"{BAD}::test_ragged_rows", f"{BAD}::test_text_in_a_cost_column_in_row_30001", f"{BAD}::test_semicolons_and_decimal_commas"],
    25: [f"{STORE}::test_hostile_names_stay_names", f"{STORE}::test_a_folder_whose_name_is_a_pattern_is_that_folder", f"{FAIL}::test_a_file_among_the_results_has_a_plain_name", "tests/runs/test_parameters.py::test_hostile_values_arrive_as_they_are"],
    26: ["tests/runs/test_report.py::test_one_bad_delivery_does_not_spoil_later_work_in_the_process", f"{STORE}::test_a_broken_file_does_not_spoil_the_process"],
    27: [f"{HTTP}::test_27_*", f"{FAIL}::test_secrets_and_paths_stay_off_the_screen_and_the_record", f"{BAD}::test_messages_show_no_credentials", "tests/runs/test_report.py::test_no_file_names_the_machine"],
}  # fmt: skip


def test_all_27_lines_are_here():
    assert sorted(LINES) == list(range(1, 28))


@pytest.mark.parametrize("line", sorted(LINES))
def test_each_line_is_held_by_tests_that_exist_and_run(line):
    for named in LINES[line]:
        file, _, name = named.partition("::")
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        tests = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")]
        held = [t for t in tests if t.name == name or (name.endswith("*") and t.name.startswith(name[:-1]))]
        assert held, named
        marks = [ast.unparse(d) for t in held for d in t.decorator_list]
        assert len([m for m in marks if "slow" in m or "mark.skip(" in m]) < len(held), (
            f"{named}: none runs by default"
        )


def test_the_documentation_names_each_line():
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    for line in LINES:
        assert f"\n| {line} | " in text, line
