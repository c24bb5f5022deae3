"""Webhooks against a real HTTP server on this machine: what Slack and Teams get, once, and what happens when they fail."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.runs.finished import HOSTILE, LONG, finished, words

from helpers.runs import delivery, delivery_webhook, formats, outputs
from helpers.runs.delivery import BEFORE, SENT, UNSURE
from helpers.terms.errors import NotDelivered, UsageError
from helpers.views import news

HERE = "plan.yaml, line 9"
SECRET = "T000/B000/veryverysecret"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(delivery_webhook, "PAUSE", 0.01)


@pytest.fixture(scope="module", name="made")
def _made(tmp_path_factory) -> Path:
    return finished(tmp_path_factory.mktemp("hook") / "report")


class Chat:
    """A server that answers as told, 200 after that, and keeps what it got."""

    def __init__(self) -> None:
        self.answers: list = []
        self.got: list[tuple[str, dict, dict]] = []
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                chat.got.append((self.path, dict(self.headers), body))
                answer = chat.answers.pop(0) if chat.answers else 200
                if answer == "silence":
                    chat.gate.wait(5)
                    return
                if answer == "hang up":
                    self.connection.close()
                    return
                code, heads = answer if isinstance(answer, tuple) else (answer, {})
                self.send_response(code)
                for name, value in heads.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.gate = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/{SECRET}"


@pytest.fixture
def chat(monkeypatch):
    held = Chat()
    monkeypatch.setenv("HOOK", held.url)
    yield held
    held.gate.set()
    held.server.shutdown()
    held.server.server_close()


def hook(form: str = "slack", **more):
    return delivery.read({"webhook": {"env": "HOOK"}, "format": form} | more, HERE)


LINK = {"link": "https://reports.example/{month}/{department}/"}


def test_slack_gets_blocks_of_plain_text(made, tmp_path, chat):
    said = delivery.send(made, hook(**LINK), tmp_path / "r.jsonl")
    assert (said.state, said.to) == (SENT, "slack at 127.0.0.1")
    ((path, heads, body),) = chat.got
    assert path.endswith(SECRET) and heads["Content-Type"] == "application/json"
    kinds = [b["type"] for b in body["blocks"]]
    assert kinds[0] == "header" and kinds.count("section") >= 5 and "context" in kinds
    assert len(body["blocks"]) <= 50 and len(body["blocks"][0]["text"]["text"]) <= 150
    said = json.dumps(body, ensure_ascii=False)
    for found in (
        "September cost 352,410\u00a0USD",
        "raised cost",
        "Renew the compute commitment",
        "reconciled",
    ):
        assert found in said, found
    marked = [t for t in texts(body) if t["type"] == "mrkdwn"]
    assert [t["text"] for t in marked] == ["<https://reports.example/2026-09/all/|The whole report>"]


def test_teams_gets_a_card_without_markdown(made, tmp_path, chat):
    assert delivery.send(made, hook("teams", **LINK), tmp_path / "r.jsonl").state == SENT
    body = chat.got[0][2]
    (attachment,) = body["attachments"]
    card = attachment["content"]
    assert (body["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert {b["type"] for b in card["body"]} == {"RichTextBlock"}
    assert {r["type"] for b in card["body"] for r in b["inlines"]} == {"TextRun"}
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "The whole report", "url": "https://reports.example/2026-09/all/"}]  # fmt: skip
    assert len(json.dumps(body).encode()) < 28_000


def test_a_program_gets_plain_json(made, tmp_path, chat):
    one = delivery.read({"webhook": chat.url, "format": "json"}, HERE)
    delivery.send(made, one, tmp_path / "r.jsonl")
    body = chat.got[0][2]
    assert body["headline"].startswith("September cost 352,410\u00a0USD") and len(body["findings"]) == 3
    assert body["version"] == delivery.facts(made).version


def texts(value) -> list[dict]:
    if isinstance(value, dict):
        own = [value] if value.get("type") in ("plain_text", "mrkdwn") else []
        return own + [t for v in value.values() for t in texts(v)]
    return [t for v in value for t in texts(v)] if isinstance(value, list) else []


# --- once, in spite of what goes wrong ------------------------------------------------------------------------------


def test_it_is_sent_once_with_a_fixed_key(made, tmp_path, chat):
    assert delivery.send(made, hook(), tmp_path / "r.jsonl").state == SENT
    assert delivery.send(made, hook(), tmp_path / "r.jsonl").state == BEFORE
    delivery.send(made, hook(), tmp_path / "lost.jsonl")
    keys = {heads["Idempotency-Key"] for _, heads, _ in chat.got}
    assert len(chat.got) == 2 and len(keys) == 1


def test_an_answer_that_asks_for_patience_is_tried_again(made, tmp_path, chat):
    chat.answers += [503, (429, {"Retry-After": "0"}), 500]
    said = delivery.send(made, hook(), tmp_path / "r.jsonl")
    assert (said.state, said.note) == (SENT, "answer 200 after 4 tries")
    assert len({heads["Idempotency-Key"] for _, heads, _ in chat.got}) == 1


def test_a_server_that_keeps_failing_is_said_and_the_next_run_sends_it(made, tmp_path, chat):
    chat.answers += [500] * 5
    with pytest.raises(
        NotDelivered, match=r"the webhook at 127\.0\.0\.1 answered 500 after 5 tries"
    ) as problem:
        delivery.send(made, hook(), tmp_path / "r.jsonl")
    assert SECRET not in str(problem.value) + (tmp_path / "r.jsonl").read_text()
    assert delivery.send(made, hook(), tmp_path / "r.jsonl").state == SENT
    assert len(chat.got) == 6


@pytest.mark.parametrize("code", [400, 403, 404, 410])
def test_a_refusal_is_not_tried_again(made, tmp_path, chat, code):
    chat.answers += [code]
    with pytest.raises(NotDelivered, match=f"answered {code}"):
        delivery.send(made, hook(), tmp_path / "r.jsonl")
    assert len(chat.got) == 1


@pytest.mark.parametrize("ends", ["silence", "hang up"])
def test_an_answer_that_never_came_may_have_been_sent(made, tmp_path, chat, ends):
    chat.answers += [ends]
    first = delivery.send(made, hook(timeout=0.5), tmp_path / "r.jsonl")
    assert first.state == UNSURE and "gave no answer" in first.note and SECRET not in first.note
    assert delivery.send(made, hook(timeout=0.5), tmp_path / "r.jsonl").state == UNSURE
    assert len(chat.got) == 1
    assert delivery.send(made, hook(), tmp_path / "r.jsonl", resend=True).state == SENT


def test_a_server_that_is_down(made, tmp_path, chat, monkeypatch):
    chat.server.shutdown()
    chat.server.server_close()
    with pytest.raises(NotDelivered, match="cannot be reached") as problem:
        delivery.send(made, hook(), tmp_path / "r.jsonl")
    assert SECRET not in str(problem.value)
    again = Chat()
    monkeypatch.setenv("HOOK", again.url)
    assert delivery.send(made, hook(), tmp_path / "r.jsonl").state == SENT


def test_a_redirect_is_not_followed(made, tmp_path, chat):
    elsewhere = Chat()
    chat.answers += [(302, {"Location": elsewhere.url}), (307, {"Location": elsewhere.url})]
    for _ in range(2):
        with pytest.raises(NotDelivered, match="redirects are not followed"):
            delivery.send(made, hook(), tmp_path / "r.jsonl")
    assert elsewhere.got == []
    elsewhere.server.shutdown()


def test_no_password_of_a_netrc_goes_along(made, tmp_path, chat, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    delivery.send(made, hook(), tmp_path / "r.jsonl")
    assert "Authorization" not in chat.got[0][1]


# --- the plan -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"webhook": f"https://hooks.slack.com/services/{SECRET}", "format": "slack"}, "the address of a chat's webhook in the plan"),
        ({"webhook": {"env": "HOOK"}}, "no format"),
        ({"webhook": {"env": "HOOK"}, "format": "discord"}, "format: 'discord'"),
        ({"webhook": {"env": "A", "file": "b"}, "format": "slack"}, "webhook with a value of its own"),
        ({"webhook": "http://example.org/x", "format": "json"}, "a webhook at http://example.org"),
        ({"webhook": "ftp://127.0.0.1/x", "format": "json"}, "a webhook at ftp://127.0.0.1"),
        ({"webhook": "https://me:pw@example.org/x", "format": "json"}, "cannot be read"),
        ({"webhook": "https://example.org:99999/x", "format": "json"}, "cannot be read"),
        ({"webhook": "http://localhost.evil.example/x", "format": "json"}, "a webhook at http://localhost.evil.example"),
        ({"webhook": {"env": "HOOK"}, "format": "slack", "timeout": 0}, "timeout: '0'"),
    ],
)  # fmt: skip
def test_what_is_off_in_a_plan_is_said(entry, said):
    with pytest.raises(UsageError) as problem:
        delivery.read(entry, HERE)
    assert said in problem.value.found and problem.value.file == HERE and problem.value.remedy
    assert SECRET not in str(problem.value)


def test_an_address_from_the_environment_must_be_https_too(made, tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK", f"http://chat.example/{SECRET}")
    with pytest.raises(UsageError, match="https") as problem:
        delivery.send(made, hook(), tmp_path / "r.jsonl")
    assert SECRET not in str(problem.value)


# --- hostile text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*HOSTILE, LONG])
def test_hostile_text_is_text(tmp_path, text):
    """No mention, link, bold or function of a card; a size that both take."""
    folder = finished(tmp_path / "report", f" {text}", words(f" {text}"), headline=text)
    book = formats._book(folder)
    told = news.news(book, outputs.results(book), "Title")
    for said in texts(news.slack(told)):
        assert said["type"] == "plain_text" and said["emoji"] is False
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", said["text"]) and 0 < len(said["text"]) <= 3000
    slack = news.slack(told)
    assert (slack["parse"], slack["mrkdwn"], slack["link_names"]) == ("none", False, False)
    assert not re.search("[<>]", slack["text"])
    card = json.dumps(news.teams(told), ensure_ascii=False)
    assert 'TextBlock"' not in card.replace("RichTextBlock", "") and "FactSet" not in card
    assert "{{" not in card and "${" not in card and len(card.encode()) < 28_000
    for shown in (
        card,
        json.dumps(slack, ensure_ascii=False),
        json.dumps(news.as_json(told), ensure_ascii=False),
    ):
        assert not re.search("[\u202a-\u202e\x00-\x08]|\\\\u0000|\\\\r", shown)
