"""Deliveries to folders and object stores, and the record that keeps anything from going out twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner
from tests.runs.finished import HOSTILE, finished, results, words

from helpers import __main__ as cli
from helpers.runs import delivery, outputs
from helpers.runs.delivery import BEFORE, SENT, UNSURE, Delivery, Outcome, Unsure
from helpers.terms.errors import BadInput, Damaged, NotDelivered, Refused, UsageError

ROOT = Path(__file__).resolve().parents[2]
HERE = "plan.yaml, line 3"


@pytest.fixture(scope="module", name="made")
def _made(tmp_path_factory) -> Path:
    return finished(tmp_path_factory.mktemp("done") / "report")


@pytest.fixture
def report(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "report"))


@dataclass(frozen=True)
class Post(Delivery):
    """A delivery that notes what it is asked, and ends as told."""

    kind: ClassVar[str] = "post"
    asked: ClassVar[list] = []
    ends: ClassVar[list] = []

    to: tuple[str, ...] = ("a", "b")

    def targets(self, facts):
        return list(self.to)

    def deliver(self, facts, targets):
        Post.asked.append(list(targets))
        end = Post.ends.pop(0) if Post.ends else None
        if isinstance(end, BaseException):
            raise end
        return end or Outcome(tuple(targets))


@pytest.fixture
def post():
    Post.asked.clear()
    Post.ends.clear()
    return Post(HERE, ())


def lines(record: Path) -> list[dict]:
    return [json.loads(line) for line in record.read_text("utf-8").splitlines()]


# --- the record -----------------------------------------------------------------------------------------------------


def test_once_is_enough(report, tmp_path, post):
    record = tmp_path / "sent.jsonl"
    assert delivery.send(report, post, record).state == SENT
    assert delivery.send(report, post, record).state == BEFORE
    assert delivery.send(report, post, record, resend=True).state == BEFORE
    assert Post.asked == [["a", "b"]]
    assert [x["state"] for x in lines(record)] == ["intent", "sent"]


def test_the_same_results_made_anew_are_not_news_but_others_are(report, tmp_path, post):
    record = tmp_path / "sent.jsonl"
    delivery.send(report, post, record)
    outputs.write_manifest(report, json.loads((report / "manifest.json").read_text()) | {"run": "2"})
    assert delivery.send(report, post, record).state == BEFORE
    other = finished(tmp_path / "other", shown=words(), headline="September cost more")
    assert delivery.send(other, post, record).state == SENT
    assert len(Post.asked) == 2


def test_a_target_that_joins_later_gets_it_alone(report, tmp_path, post):
    record = tmp_path / "sent.jsonl"
    delivery.send(report, post, record)
    delivery.send(report, Post(HERE, (), ("a", "b", "c")), record)
    assert Post.asked == [["a", "b"], ["c"]]


def test_a_failure_is_said_and_the_next_run_sends_it(report, tmp_path, post):
    record = tmp_path / "sent.jsonl"
    before = {p: p.read_bytes() for p in report.rglob("*") if p.is_file()}
    Post.ends.append(NotDelivered("server down, password=hunter2"))
    with pytest.raises(NotDelivered, match="server down"):
        delivery.send(report, post, record)
    assert "hunter2" not in record.read_text("utf-8")
    assert {p: p.read_bytes() for p in report.rglob("*") if p.is_file()} == before
    assert delivery.send(report, post, record).state == SENT


def test_those_refused_are_tried_again_alone(report, tmp_path, post):
    record = tmp_path / "sent.jsonl"
    Post.ends.append(Outcome(("a",), "", {"b": "550 no such user"}))
    with pytest.raises(NotDelivered, match=r"1 of 2 refused: b \(550 no such user\)"):
        delivery.send(report, post, record)
    assert delivery.send(report, post, record).state == SENT
    assert Post.asked == [["a", "b"], ["b"]]


def test_a_line_that_goes_dead_is_told_and_not_sent_again(report, tmp_path, post):
    record = tmp_path / "sent.jsonl"
    Post.ends.append(Unsure("the line went dead"))
    first = delivery.send(report, post, record)
    assert (first.state, first.sure) == (UNSURE, False) and "--resend" in first.note
    assert delivery.send(report, post, record).state == UNSURE
    assert len(Post.asked) == 1
    assert delivery.send(report, post, record, resend=True).state == SENT


def test_a_stop_by_a_person_between_intent_and_outcome_may_have_sent(report, tmp_path, post):
    record = tmp_path / "sent.jsonl"
    Post.ends.append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        delivery.send(report, post, record)
    assert delivery.send(report, post, record).state == UNSURE


KILLED = """
import sys, time
from pathlib import Path
from helpers.runs import delivery
from tests.runs.test_delivery import Post
class Slow(Post):
    def deliver(self, facts, targets):
        print("sending", flush=True)
        time.sleep(60)
delivery.send(Path(sys.argv[1]), Slow("x", ()), Path(sys.argv[2]))
"""


def test_kill_9_between_intent_and_outcome(report, tmp_path, post):
    record = tmp_path / "sent.jsonl"
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    with subprocess.Popen([sys.executable, "-c", KILLED, str(report), str(record)], env=env, stdout=subprocess.PIPE, text=True) as child:  # fmt: skip
        assert child.stdout is not None and child.stdout.readline() == "sending\n"
        child.send_signal(signal.SIGKILL)
    assert [x["state"] for x in lines(record)] == ["intent"]
    said = delivery.send(report, post, record)
    assert said.state == UNSURE and "ended before it knew" in said.note
    assert Post.asked == []
    assert delivery.send(report, post, record, resend=True).state == SENT


def test_a_line_that_was_half_written_is_no_line(report, tmp_path, post):
    record = tmp_path / "sent.jsonl"
    delivery.send(report, post, record)
    whole = record.read_bytes()
    record.write_bytes(whole + b'{"state": "int')
    assert delivery.send(report, post, record).state == BEFORE
    cut = whole[: whole.index(b"\n") + 20]  # the outcome is torn: it may have been sent
    record.write_bytes(cut)
    assert delivery.send(report, post, record).state == UNSURE
    delivery.send(report, post, record, resend=True)
    assert delivery.send(report, post, record).state == BEFORE


def test_a_record_that_is_none_is_refused(report, tmp_path, post):
    record = tmp_path / "sent.jsonl"
    record.write_text("hello\n{}\n")
    with pytest.raises(Damaged, match="no line of a record") as problem:
        delivery.send(report, post, record)
    assert problem.value.row == 1 and Post.asked == []


TWO = """
import sys, time
from pathlib import Path
from helpers.runs import delivery
from tests.runs.test_delivery import Post
class Counted(Post):
    def deliver(self, facts, targets):
        with open(sys.argv[3], "a") as f: f.write("sent\\n")
        time.sleep(0.3)
        return super().deliver(facts, targets)
print(delivery.send(Path(sys.argv[1]), Counted("x", ()), Path(sys.argv[2])).state)
"""


def test_two_at_once_send_it_once(report, tmp_path):
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    words = [sys.executable, "-c", TWO, str(report), str(tmp_path / "sent.jsonl"), str(tmp_path / "count")]
    both = [subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(p.communicate()[0].strip() for p in both)
    assert said == [SENT, BEFORE]
    assert (tmp_path / "count").read_text() == "sent\n"


def test_a_report_that_was_changed_or_is_none_is_refused(report, tmp_path, post):
    with pytest.raises(BadInput, match="no whole report"):
        delivery.send(tmp_path, post, tmp_path / "r.jsonl")
    (report / "results.json").write_text((report / "results.json").read_text() + " ")
    with pytest.raises(Damaged, match=r"results\.json is not what"):
        delivery.send(report, post, tmp_path / "r.jsonl")
    assert Post.asked == []


@pytest.mark.parametrize(("nth", "state", "asked"), [(1, SENT, 0), (2, UNSURE, 1)])
def test_a_disk_that_is_full_for_the_record(report, tmp_path, post, monkeypatch, nth, state, asked):
    """No intent, no sending; no outcome, then nobody knows and it is not sent again."""
    record, calls, sync = tmp_path / "sent.jsonl", [], os.fsync

    def full(number):
        calls.append(number)
        if len(calls) == nth:
            raise OSError(28, "No space left on device")
        return sync(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        delivery.send(report, post, record)
    assert len(Post.asked) == asked
    monkeypatch.undo()
    assert delivery.send(report, post, record).state == state
    assert len(Post.asked) == 1


# --- a folder -------------------------------------------------------------------------------------------------------


def test_a_folder_gets_the_files_asked_for_and_a_manifest(report, tmp_path):
    one = delivery.read(
        {"folder": f"{tmp_path}/out/{{month}}/{{department}}", "formats": ["pdf", "csv"]}, HERE
    )
    said = delivery.send(report, one, tmp_path / "r.jsonl")
    to = tmp_path / "out" / "2026-09" / "all"
    assert (said.state, said.to) == (SENT, str(to))
    names = {p.relative_to(to).as_posix() for p in to.rglob("*") if p.is_file()}
    assert {"report.pdf", "tables/kpis.csv", "actions.csv", "results.json", "manifest.json"} <= names
    assert not {"notebook.ipynb", "index.html"} & names
    known = json.loads((to / "manifest.json").read_text("utf-8"))["files"]
    assert set(known) == names - {"manifest.json"}
    assert delivery.send(report, one, tmp_path / "r.jsonl").state == BEFORE
    shutil.rmtree(to)  # somebody cleared it away: it is brought again
    assert delivery.send(report, one, tmp_path / "r.jsonl").state == SENT
    assert (to / "report.pdf").is_file()


def test_a_newer_report_takes_the_place_of_an_older_one(report, tmp_path):
    one = delivery.read({"folder": str(tmp_path / "out"), "formats": ["json"]}, HERE)
    delivery.send(report, one, tmp_path / "r.jsonl")
    other = finished(tmp_path / "other", shown=words(), headline="newer")
    delivery.send(other, one, tmp_path / "r.jsonl")
    assert json.loads((tmp_path / "out" / "results.json").read_text())["headline"] == "newer"


def test_a_folder_with_something_else_in_it_is_left_alone(report, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    one = delivery.read({"folder": str(tmp_path / "out")}, HERE)
    with pytest.raises(Refused, match=r"mine\.txt"):
        delivery.send(report, one, tmp_path / "r.jsonl")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_full_disk_leaves_the_earlier_report_there(report, tmp_path, monkeypatch):
    one = delivery.read({"folder": str(tmp_path / "out"), "formats": ["json"]}, HERE)
    delivery.send(report, one, tmp_path / "r.jsonl")
    other = finished(tmp_path / "other", shown=words(), headline="newer")
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(NotDelivered, match="No space left on device"):
            delivery.send(other, one, tmp_path / "r.jsonl")
    assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()} == before
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".out-")]
    assert delivery.send(other, one, tmp_path / "r.jsonl").state == SENT


def test_a_delivered_manifest_names_no_folder_of_this_machine(report, tmp_path):
    told = json.loads((report / "manifest.json").read_text("utf-8"))
    outputs.write_manifest(
        report, told | {"parameters": {"given": {"data": "/srv/secret/store", "month": "2026-09"}}}
    )
    delivery.send(report, delivery.read({"folder": str(tmp_path / "out")}, HERE), tmp_path / "r.jsonl")
    assert "/srv/secret" not in (tmp_path / "out" / "manifest.json").read_text("utf-8")


def test_a_folder_that_cannot_be_written(report, tmp_path):
    (tmp_path / "file").write_text("x")
    one = delivery.read({"folder": str(tmp_path / "file" / "out")}, HERE)
    with pytest.raises((NotDelivered, Refused), match="cannot write"):
        delivery.send(report, one, tmp_path / "r.jsonl")


@pytest.mark.parametrize(
    "value", [*HOSTILE, "..", "../../etc", "a/b", "/etc", "all", "", "n" * 10_000, ". ", "a\\b", "Küche"]
)
def test_a_value_is_one_step_of_a_path(value):
    made = delivery.step(value)
    assert made not in (".", "..") and not set(made) & set('/\\\x00\n\r\t:*?"<>|')
    assert 0 < len(made.encode()) <= 130
    assert (Path("/out") / made).resolve().parent == Path("/out")


def test_values_do_not_meet():
    values = ["", "all", "a/b", "a_b", "a b", "A", "%2F", "a%2Fb", "n" * 200, "n" * 201, ".", "..", *HOSTILE]
    assert len({delivery.step(v) for v in values}) == len(values)


def test_a_hostile_department_stays_below_the_folder(tmp_path):
    params = results()["parameters"] | {"department": "../../escape"}
    report = finished(tmp_path / "r", shown=words(), parameters=params)
    one = delivery.read({"folder": f"{tmp_path}/out/{{department}}", "formats": ["json"]}, HERE)
    delivery.send(report, one, tmp_path / "s.jsonl")
    assert [p.name for p in (tmp_path / "out").iterdir() if not p.name.startswith(".")] == [
        "%2E.%2F..%2Fescape"
    ]
    assert not (tmp_path.parent / "escape").exists()


# --- an object store ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bucket():
    pytest.importorskip("s3fs")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    import boto3

    address, keys = f"http://{host}:{port}", {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}  # fmt: skip
    boto3.client("s3", endpoint_url=address, **keys).create_bucket(Bucket="reports")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_DEFAULT_REGION", "us-east-1")):  # fmt: skip
            patch.setenv(name, value)
        yield address
    server.stop()


def test_an_object_store_gets_it_whole_with_the_manifest_last(report, tmp_path, bucket, monkeypatch):
    import s3fs

    entry = {"folder": "s3://reports/{month}/{department}", "formats": ["html", "pdf"], "options": {"endpoint_url": bucket}}  # fmt: skip
    one, record = delivery.read(entry, HERE), tmp_path / "r.jsonl"
    put = s3fs.S3FileSystem.put_file

    def dead(self, *_, **__):
        raise OSError(5, "the line went dead")

    monkeypatch.setattr(s3fs.S3FileSystem, "put_file", dead)
    with pytest.raises(NotDelivered, match="cannot write to s3://reports/2026-09/all"):
        delivery.send(report, one, record)
    system = s3fs.S3FileSystem(endpoint_url=bucket, use_listings_cache=False)
    assert not system.exists("reports/2026-09/all/manifest.json")
    monkeypatch.setattr(s3fs.S3FileSystem, "put_file", put)
    assert delivery.send(report, one, record).state == SENT
    assert delivery.send(report, one, record).state == BEFORE
    held = {Path(p).name for p in system.ls("reports/2026-09/all", refresh=True)}
    assert held == {"index.html", "report.pdf", "results.json", "manifest.json"}
    assert system.cat("reports/2026-09/all/report.pdf") == (report / "report.pdf").read_bytes()
    system.rm_file("reports/2026-09/all/manifest.json")
    assert delivery.send(report, one, record).state == SENT


def test_a_store_without_its_client(report, tmp_path):
    one = delivery.read({"folder": "abfs://box/x"}, HERE)
    try:
        import adlfs  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError:
        with pytest.raises(NotDelivered, match="no client for abfs://"):
            delivery.send(report, one, tmp_path / "r.jsonl")


# --- the plan -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("out", "a delivery that is str"),
        ({}, "none of"),
        ({"folder": "a", "email": "b@c.d"}, "folder and email"),
        ({"folder": ""}, "no folder"),
        ({"folder": "a", "format": ["pdf"]}, "'format' in a delivery"),
        ({"folder": "a", "formats": ["doc"]}, "no format 'doc'"),
        ({"folder": "a", "formats": {"a": 1}}, "formats is"),
        ({"folder": "https://a/b"}, "folder: 'https://a/b'"),
        ({"folder": "a\nb"}, "folder is"),
        ({"folder": "s3://a", "options": {"secret": "x"}}, "options with a secret"),
    ],
)
def test_what_is_off_in_a_plan_is_said_with_its_line(entry, said):
    with pytest.raises(UsageError) as problem:
        delivery.read(entry, HERE)
    assert said in problem.value.found and problem.value.file == HERE and problem.value.remedy


def test_an_unknown_value_in_a_folder_is_said(report, tmp_path):
    one = delivery.read({"folder": f"{tmp_path}/{{team}}"}, HERE)
    with pytest.raises(UsageError, match=r"\{team\}"):
        delivery.send(report, one, tmp_path / "r.jsonl")


def test_a_file_of_deliveries_names_the_line(tmp_path):
    path = tmp_path / "d.yaml"
    path.write_text("deliver:\n  - folder: a\n  - folder: b\n    formats: [doc]\n")
    with pytest.raises(UsageError) as problem:
        delivery.entries(path)
    assert problem.value.file == f"{path}, line 3"
    path.write_text("deliver: [\n")
    with pytest.raises(BadInput) as broken:
        delivery.entries(path)
    assert broken.value.row
    path.write_text("- folder: a\n- folder: b\n")
    read = delivery.entries(path)
    assert [d.where for d in read] == [f"{path}, line 1", f"{path}, line 2"]
    assert getattr(read[0], "place", "") == str(tmp_path / "a")  # seen from the plan's folder
    path.write_text("!!python/object/apply:os.system [id]\n")
    with pytest.raises(BadInput):
        delivery.entries(path)
    path.write_text("deliver:\n  - folder: a\n    folder: b\n")  # YAML itself would let the last one win
    with pytest.raises(BadInput, match="'folder' twice") as twice:
        delivery.entries(path)
    assert twice.value.row == 3


# --- the verb -------------------------------------------------------------------------------------------------------


def finops(*words: object):
    return CliRunner().invoke(cli.main, [str(w) for w in words], prog_name="finops")


def test_the_verb_delivers_once(report, tmp_path):
    words = ("deliver", report, "--to", tmp_path / "out", "--format", "json")
    assert "would be sent" in finops(*words, "--dry-run").output and not (tmp_path / "out").exists()
    done = finops(*words)
    assert done.exit_code == 0 and done.output.startswith("sent: folder"), done.output
    assert finops(*words).output.startswith("sent before: folder")
    assert (tmp_path / "report.deliveries.jsonl").is_file()
    said = json.loads(finops(*words, "--json", "-").stdout)
    assert said["deliveries"][0]["state"] == BEFORE


def test_one_delivery_that_fails_does_not_stop_the_others(report, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        f"deliver:\n  - folder: {tmp_path}/full\n  - folder: {tmp_path}/out\n    formats: [json]\n"
    )
    done = finops("deliver", report, "--to", plan)
    assert done.exit_code == 5 and (tmp_path / "out" / "results.json").is_file()
    assert "failed: folder" in done.output and "sent: folder" in done.output
    done = finops("deliver", report, "--to", plan, "--only", "email")
    assert done.exit_code == 2 and "no delivery of the kind email" in done.output


def test_sending_does_not_hold_a_report_that_takes_its_place(report, tmp_path, post):
    """A lock of the record, not of the report: `finops report` may write meanwhile."""
    started = time.monotonic()
    delivery.send(report, post, tmp_path / "r.jsonl")
    assert time.monotonic() - started < 30
    assert not list(tmp_path.glob(".report.lock"))
