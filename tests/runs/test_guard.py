"""What a frame may be, and the audit log: without a server. The attacks over real sockets stand in tests/security."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.security.making import frame

from helpers.runs import guard
from helpers.runs.audit import Audit
from helpers.terms.errors import Refused

GOOD = {
    "kernel_info_request": {},
    "comm_info_request": {"target_name": "jupyter.widget"},
    "comm_open": {"comm_id": "c", "target_name": "jupyter.widget.control", "data": {}},
    "comm_msg": {"comm_id": "c", "data": {"method": "update", "state": {"value": "1"}, "buffer_paths": []}},
    "comm_close": {"comm_id": "c", "data": {}},
}


@pytest.mark.parametrize("kind", GOOD)
def test_what_a_page_sends_passes(kind):
    assert guard.checked(frame(kind, GOOD[kind])) == kind


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_or_a_message(raw):
    with contextlib.suppress(guard.Hostile):
        assert guard.checked(raw) in guard.ASKED


@given(st.data())
def test_a_message_with_one_byte_changed_is_refused_or_of_a_kind_that_is_asked(data):
    raw = bytearray(frame("comm_msg", GOOD["comm_msg"]))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(guard.Hostile):
        assert guard.checked(bytes(raw)) in guard.ASKED


@pytest.mark.parametrize("many", [0, 1, 5, 11, 20_000_000, 2**40, 2**64 - 1])
def test_a_count_of_parts_costs_nothing(many):
    began = time.perf_counter()
    with pytest.raises(guard.Hostile):
        guard.checked(many.to_bytes(8, "little") + bytes(64))
    assert time.perf_counter() - began < 0.05


@pytest.mark.parametrize("raw", ["text", None, 7, b"", b"x" * (guard.LARGEST + 1)])
def test_what_is_no_frame(raw):
    with pytest.raises(guard.Hostile):
        guard.checked(raw)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("comm_open", {"target_name": "jupyter.widget"}),
        ("comm_open", {}),
        ("comm_open", {"target_name": "jupyter.widget.control", "data": []}),
        ("comm_msg", {"data": {"method": "echo_update"}}),
        ("comm_msg", {"data": {}}),
        ("comm_msg", {"data": "x"}),
        ("execute_request", {"code": "1"}),
        (7, {}),
        (None, {}),
    ],
)
def test_messages_that_no_page_sends(kind, content):
    with pytest.raises(guard.Hostile):
        guard.checked(frame("", content, header={"msg_type": kind}))


# --- the audit log ----------------------------------------------------------------------------------------------------


def test_a_line_says_who_what_and_when(tmp_path):
    log = Audit(tmp_path / "audit.jsonl")
    log.note("ana", "practitioner_kpis", {"month": "2026-09"}, data="v1", scope="all")
    (line,) = log.lines()
    assert {k: line[k] for k in ("who", "page", "parameters", "data", "outcome", "scope")} == {
        "who": "ana", "page": "practitioner_kpis", "parameters": {"month": "2026-09"}, "data": "v1", "outcome": "shown", "scope": "all",
    }  # fmt: skip
    assert log.path.stat().st_mode & 0o777 == 0o600


@given(
    st.text(max_size=60),
    st.text(max_size=60),
    st.dictionaries(st.text(max_size=9), st.text(max_size=60), max_size=3),
)
def test_no_text_forges_a_line(tmp_path_factory, who, page, parameters):
    log = Audit(tmp_path_factory.mktemp("audit") / "log")
    log.note(who, page, parameters)
    log.note("last", "page")
    raw = log.path.read_bytes()
    assert raw.count(b"\n") == 2
    assert all(32 <= b < 127 or b == 10 for b in raw), "nothing hides or turns round what stands beside it"
    assert [line["who"] for line in log.lines()][1] == "last"


@pytest.mark.parametrize(
    "evil", ['"}\n{"who":"max"', "\r\n", "\u2028", "\x1b[2K", "\u202e", "\x00", "a" * 100_000]
)
def test_hostile_values_stay_values(tmp_path, evil):
    log = Audit(tmp_path / "log")
    log.note(evil, evil, {evil: evil}, data=evil, scope=evil)
    assert len(list(log.lines())) == 1
    assert len(log.path.read_bytes()) < 8000


def test_secrets_are_masked(tmp_path):
    log = Audit(tmp_path / "log")
    log.note("ana", "x", {"provider": "token=abcdefgh12345"})
    assert "abcdefgh" not in log.path.read_text()


def _many(path: str, who: str) -> None:
    for n in range(200):
        Audit(__import__("pathlib").Path(path)).note(who, f"page {n}", {"long": "x" * 150})


def test_writers_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_many, args=(str(tmp_path / "log"), f"w{n}")) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text("ascii").splitlines()]
    assert len(lines) == 600
    for n in range(3):
        assert [x["page"] for x in lines if x["who"] == f"w{n}"] == [f"page {i}" for i in range(200)]


def test_after_a_line_that_a_full_disk_cut_the_next_begins_anew(tmp_path):
    log = Audit(tmp_path / "log")
    log.note("ana", "one")
    with log.path.open("ab") as file:
        file.write(b'{"who":"ben","pa')
    log.note("eva", "two")
    assert [line["who"] for line in log.lines()] == ["ana", "eva"]


def test_where_nothing_can_be_written_nothing_may_be_shown(tmp_path):
    with pytest.raises(Refused, match="audit log cannot be written"):
        Audit(tmp_path / "no" / "folder" / "log").note("ana", "x")
    (tmp_path / "real").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(Refused):
        Audit(tmp_path / "link").note("ana", "x")
