"""The ledger is only added to, survives a torn line, and its order is that of its lines, not of a clock."""

from __future__ import annotations

import errno
import json
import os
from datetime import UTC, datetime, timedelta, timezone

import pytest

from helpers.runs.batch import ledger
from helpers.runs.batch.ledger import Ledger


def test_a_torn_line_is_skipped_and_the_next_stands_alone(tmp_path):
    book = Ledger(tmp_path)
    book.add("done", report="a", run="1")
    book.close()
    with book.path.open("ab") as file:
        file.write(b'{"n": 2, "event": "done", "rep')
    again = Ledger(tmp_path)
    again.add("done", report="b", run="2")
    again.close()
    assert [(e["n"], e["report"]) for e in ledger.read(book.path)] == [(1, "a"), (2, "b")]
    assert b'"rep\n' in book.path.read_bytes()


def test_it_is_never_rewritten(tmp_path):
    before = b""
    for n in range(4):
        book = Ledger(tmp_path)
        book.add("started", report="a", attempt=n)
        book.close()
        held = book.path.read_bytes()
        assert held.startswith(before) and len(held) > len(before)
        before = held


def test_the_last_line_of_a_report_counts_and_deliveries_belong_to_their_run(tmp_path):
    book = Ledger(tmp_path)
    book.add("done", report="a", run="1")
    book.add("delivered", report="a", run="1", delivery="x")
    book.add("failed", report="b")
    assert ledger.latest(book.path)["a"]["sent"].keys() == {"x"}
    book.add("done", report="a", run="2")
    book.add("delivered", report="a", run="1", delivery="late")
    book.close()
    found = ledger.latest(book.path)
    assert (found["a"]["run"], found["a"]["sent"], found["b"]["event"]) == ("2", {}, "failed")


class Turned(datetime):
    """A clock that is set back an hour between two lines, in a zone where summer time ends."""

    times = iter(())

    @classmethod
    def now(cls, tz=None):
        return next(cls.times).astimezone(tz)


def test_a_clock_set_back_changes_the_hour_noted_and_nothing_else(tmp_path, monkeypatch):
    summer, winter = timezone(timedelta(hours=2)), timezone(timedelta(hours=1))
    Turned.times = iter([datetime(2026, 10, 25, 2, 59, tzinfo=summer), datetime(2026, 10, 25, 2, 1, tzinfo=winter), datetime(2020, 1, 1, tzinfo=UTC)])  # fmt: skip
    monkeypatch.setattr(ledger, "datetime", Turned)
    book = Ledger(tmp_path)
    for run in "123":
        book.add("done", report="a", run=run)
    book.close()
    lines = list(ledger.read(book.path))
    assert [e["n"] for e in lines] == [1, 2, 3]
    assert [e["at"] for e in lines] == ["2026-10-25T00:59:00+00:00", "2026-10-25T01:01:00+00:00", "2020-01-01T00:00:00+00:00"]  # fmt: skip
    assert ledger.latest(book.path)["a"]["run"] == "3"


def test_a_secret_in_an_error_is_masked(tmp_path):
    book = Ledger(tmp_path)
    book.add("failed", report="a", found="https://me:hunter2@host/x?token=abc123", notes=["password=hunter2"])
    book.close()
    assert "hunter2" not in book.path.read_text() and "abc123" not in book.path.read_text()


def test_on_a_full_disk_the_reserve_makes_room_for_the_last_words(tmp_path, monkeypatch):
    book = Ledger(tmp_path)
    real = os.write

    def full(file, data):
        if file == book._file and (tmp_path / ".reserve").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data)

    monkeypatch.setattr(os, "write", full)
    book.add("ended", stopped=True)
    assert json.loads(book.path.read_text().strip())["event"] == "ended"
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
    with pytest.raises(OSError, match="broken"):
        book.add("ended")
