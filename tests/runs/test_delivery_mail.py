"""E-mail against a real SMTP server on this machine: what arrives, once, encrypted; and what happens when it does not."""

from __future__ import annotations

import datetime
import email
import io
import socket
import ssl
import struct
import zipfile
from email import policy
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from tests.runs.finished import HOSTILE, LONG, finished, words

from helpers.runs import delivery, delivery_mail
from helpers.runs.delivery import BEFORE, SENT, UNSURE
from helpers.terms.errors import NotDelivered, UsageError

HERE = "plan.yaml, line 7"
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(delivery_mail, "PAUSE", 0.01)


@pytest.fixture(scope="module", name="made")
def _made(tmp_path_factory) -> Path:
    return finished(tmp_path_factory.mktemp("mail") / "report")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Box:
    """A mailbox that answers as told."""

    def __init__(self) -> None:
        self.mails: list = []
        self.port = free_port()
        self.answers: dict[str, str] = {}

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if "data" in self.answers:
            return self.answers["data"]
        self.mails.append(envelope)
        return "250 kept"


@pytest.fixture
def box():
    """A server without encryption on loopback."""
    held = Box()
    server = Controller(held, hostname="127.0.0.1", port=held.port, ready_timeout=30)
    server.start()
    yield held
    server.stop()


def entry(at: int, **more) -> dict:
    base = {"email": ["cfo@larkspur.example", "lead@larkspur.example"], "from": "finops@larkspur.example", "server": "127.0.0.1", "port": at, "security": "none"}  # fmt: skip
    return {k: v for k, v in (base | more).items() if v is not None}


def parsed(envelope):
    return email.message_from_bytes(envelope.content, policy=policy.default)


def test_the_message_that_arrives(made, tmp_path, box):
    link = "https://reports.example/{notebook}/{month}/{department}"
    one = delivery.read(
        entry(box.port, attach=["pdf", "xlsx", "csv"], link=link, reply_to="team@larkspur.example"), HERE
    )
    said = delivery.send(made, one, tmp_path / "r.jsonl")
    assert said.state == SENT
    (envelope,) = box.mails
    assert envelope.rcpt_tos == ["cfo@larkspur.example", "lead@larkspur.example"]
    message = parsed(envelope)
    assert message["Subject"].startswith("September cost 352,410 USD, 6 % more than August")
    assert message["Reply-To"] == "team@larkspur.example" and message["Auto-Submitted"] == "auto-generated"
    plain = message.get_body(("plain",)).get_content()
    html = message.get_body(("html",)).get_content()
    for found in (
        "raised cost",
        "Renew the compute commitment",
        "352,410",
        "reports.example/practitioner_kpis/2026-09/all",
    ):
        assert found in plain and found in html, found
    assert html.count('src="cid:') == 3 and "https://reports.example" in html and "<script" not in html
    pictures = [p for p in message.walk() if p.get_content_type() == "image/png"]
    ids = {p["Content-ID"].strip("<>") for p in pictures}
    assert len(ids) == 3 and all(f"cid:{i}" in html for i in ids)
    assert {struct.unpack(">I", p.get_content()[16:20])[0] for p in pictures} == {840}  # double resolution
    kept = {p.get_filename(): p for p in message.iter_attachments()}
    assert set(kept) == {"practitioner_kpis-2026-09.pdf", "practitioner_kpis-2026-09.xlsx", "practitioner_kpis-2026-09-csv.zip"}  # fmt: skip
    assert kept["practitioner_kpis-2026-09.pdf"].get_content() == (made / "report.pdf").read_bytes()
    archive = zipfile.ZipFile(io.BytesIO(kept["practitioner_kpis-2026-09-csv.zip"].get_content()))
    assert {"actions.csv", "tables/kpis.csv", "tables/actions.csv"} <= set(archive.namelist())


def test_without_attachments_it_is_small(made, tmp_path, box):
    delivery.send(made, delivery.read(entry(box.port), HERE), tmp_path / "r.jsonl")
    assert len(box.mails[0].content) < 400_000
    assert not list(parsed(box.mails[0]).iter_attachments())


def test_it_is_sent_once_with_a_fixed_message_id(made, tmp_path, box):
    one = delivery.read(entry(box.port), HERE)
    assert delivery.send(made, one, tmp_path / "r.jsonl").state == SENT
    assert delivery.send(made, one, tmp_path / "r.jsonl").state == BEFORE
    delivery.send(
        made, one, tmp_path / "lost.jsonl"
    )  # a record that was lost: the reader's program can still tell
    first, second = map(parsed, box.mails)
    assert first["Message-ID"] == second["Message-ID"] and len(box.mails) == 2


def test_who_is_refused_is_named_and_tried_again_alone(made, tmp_path, box):
    box.answers["lead@larkspur.example"] = "550 5.1.1 no such user"
    one = delivery.read(entry(box.port), HERE)
    with pytest.raises(NotDelivered, match=r"lead@larkspur\.example \(550 5\.1\.1 no such user\)"):
        delivery.send(made, one, tmp_path / "r.jsonl")
    box.answers.clear()
    assert delivery.send(made, one, tmp_path / "r.jsonl").state == SENT
    assert [m.rcpt_tos for m in box.mails] == [["cfo@larkspur.example"], ["lead@larkspur.example"]]


def test_a_message_that_is_refused_is_sent_by_the_next_run(made, tmp_path, box):
    box.answers["data"] = "452 mailbox full"
    one = delivery.read(entry(box.port), HERE)
    with pytest.raises(NotDelivered, match="452 mailbox full") as problem:
        delivery.send(made, one, tmp_path / "r.jsonl")
    assert problem.value.file == HERE
    box.answers.clear()
    assert delivery.send(made, one, tmp_path / "r.jsonl").state == SENT


def test_a_server_that_is_down(made, tmp_path):
    before = {p: p.read_bytes() for p in made.rglob("*") if p.is_file()}
    port = free_port()
    one = delivery.read(entry(port), HERE)
    with pytest.raises(
        NotDelivered, match=f"mail server 127.0.0.1, port {port}: cannot be reached: Connection refused"
    ):
        delivery.send(made, one, tmp_path / "r.jsonl")
    assert {p: p.read_bytes() for p in made.rglob("*") if p.is_file()} == before
    held = Box()
    server = Controller(held, hostname="127.0.0.1", port=port, ready_timeout=30)
    server.start()
    try:
        assert delivery.send(made, one, tmp_path / "r.jsonl").state == SENT
    finally:
        server.stop()
    assert len(held.mails) == 1


@pytest.mark.parametrize(("ends", "unsure"), [("before", False), ("after", True)])
def test_a_line_that_goes_dead(made, tmp_path, ends, unsure):
    """Before the message it is a failure; after its end nobody knows."""
    import threading

    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener:
            line, _ = listener.accept()
            with line, line.makefile("rwb") as talk:

                def say(words: bytes) -> None:
                    talk.write(words + b"\r\n")
                    talk.flush()

                say(b"220 here")
                for got in talk:
                    if got.upper().startswith(b"DATA"):
                        if ends == "before":
                            return
                        say(b"354 go on")
                        while talk.readline() != b".\r\n":
                            pass
                        return
                    say(b"250 fine")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    one = delivery.read(entry(listener.getsockname()[1], timeout=5), HERE)
    if not unsure:
        with pytest.raises(NotDelivered, match="the line went dead before the message"):
            delivery.send(made, one, tmp_path / "r.jsonl")
    else:
        assert delivery.send(made, one, tmp_path / "r.jsonl").state == UNSURE
        assert delivery.send(made, one, tmp_path / "r.jsonl").state == UNSURE  # and nobody is asked again
    thread.join(5)


# --- encryption and signing in --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """A certificate for localhost, signed by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))  # fmt: skip
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def safe_box(certificate):
    """A server that wants STARTTLS and a password."""
    held = Box()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def sign_in(server, session, envelope, mechanism, data):
        return AuthResult(
            success=(data.login, data.password) == (b"finops", PASSWORD.encode()), handled=False
        )

    server = Controller(held, hostname="localhost", port=held.port, tls_context=context, require_starttls=True, auth_required=True, authenticator=sign_in, ready_timeout=30)  # fmt: skip
    server.start()
    yield held
    server.stop()


def secure(port: int, certificate, **more) -> dict:
    return entry(port, server="localhost", security="starttls", ca=str(certificate[0]), user="finops", **more)


def test_starttls_and_a_password_from_the_environment_or_a_file(
    made, tmp_path, safe_box, certificate, monkeypatch
):
    monkeypatch.setenv("SMTP_PW", PASSWORD)
    one = delivery.read(secure(safe_box.port, certificate, password={"env": "SMTP_PW"}), HERE)
    assert PASSWORD not in repr(one)
    assert delivery.send(made, one, tmp_path / "a.jsonl").state == SENT
    (tmp_path / "pw").write_text(PASSWORD + "\n")
    two = delivery.read(secure(safe_box.port, certificate, password={"file": str(tmp_path / "pw")}), HERE)
    assert delivery.send(made, two, tmp_path / "b.jsonl").state == SENT
    assert len(safe_box.mails) == 2


def test_a_wrong_password_is_said_without_it(made, tmp_path, safe_box, certificate, monkeypatch):
    monkeypatch.setenv("SMTP_PW", "wrong-secret")
    one = delivery.read(secure(safe_box.port, certificate, password={"env": "SMTP_PW"}), HERE)
    with pytest.raises(NotDelivered, match="refused user and password") as problem:
        delivery.send(made, one, tmp_path / "r.jsonl")
    assert "wrong-secret" not in str(problem.value) + (tmp_path / "r.jsonl").read_text()
    monkeypatch.delenv("SMTP_PW")
    with pytest.raises(NotDelivered, match="SMTP_PW is empty or not there"):
        delivery.send(made, one, tmp_path / "r.jsonl")


def test_a_certificate_that_nobody_vouches_for_is_refused(made, tmp_path, safe_box, certificate, monkeypatch):
    monkeypatch.setenv("SMTP_PW", PASSWORD)
    words = secure(safe_box.port, certificate, password={"env": "SMTP_PW"})
    del words["ca"]
    with pytest.raises(NotDelivered, match="certificate"):
        delivery.send(made, delivery.read(words, HERE), tmp_path / "r.jsonl")
    assert safe_box.mails == []


def test_a_server_without_encryption_is_not_talked_to(made, tmp_path, box):
    one = delivery.read(entry(box.port, security="starttls"), HERE)
    with pytest.raises(NotDelivered, match="STARTTLS"):
        delivery.send(made, one, tmp_path / "r.jsonl")
    assert box.mails == []


# --- the plan -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"password": "hunter2", "user": "me"}, "password with a value of its own"),
        ({"password": {"env": "A"}}, "one of user and password"),
        ({"email": "no address"}, "email: 'no address'"),
        ({"email": "a@b.c\r\nBcc: x@y.z"}, "email is"),
        ({"email": ["CFO <a@b.c>"]}, "email: 'CFO <a@b.c>'"),
        ({"from": "x"}, "from: 'x'"),
        ({"security": "ssl"}, "security: 'ssl'"),
        ({"server": "mail.example", "security": "none"}, "security: none with the server mail.example"),
        ({"server": "mail.example/x", "security": None}, "server: "),
        ({"port": "25"}, "port: '25'"),
        ({"attach": ["doc"]}, "no format 'doc'"),
        ({"link": "javascript:alert(1)"}, "link: "),
        ({"cc": "a@b.c"}, "'cc' in a delivery"),
    ],
)
def test_what_is_off_in_a_plan_is_said(more, said):
    with pytest.raises(UsageError) as problem:
        delivery.read(entry(25, **more), HERE)
    assert said in problem.value.found and problem.value.file == HERE and problem.value.remedy
    assert "hunter2" not in str(problem.value)


def test_too_large_a_message_is_refused_before_it_leaves(made, tmp_path, box, monkeypatch):
    monkeypatch.setattr(delivery_mail, "LARGEST", 1000)
    with pytest.raises(NotDelivered, match="at most"):
        delivery.send(made, delivery.read(entry(box.port), HERE), tmp_path / "r.jsonl")
    assert box.mails == []


# --- hostile text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*HOSTILE, LONG])
def test_hostile_text_is_text_in_every_part_and_heads_nothing(tmp_path, text):
    """In headline, figures, decisions and names; a line end in it begins no header."""
    report = finished(tmp_path / "report", f" {text}", words(f" {text}"), headline=text)
    one = delivery.read(entry(25, attach=[]), HERE)
    assert isinstance(one, delivery_mail.Mail)
    sent = one.message(delivery.facts(report)).as_bytes()
    message = email.message_from_bytes(sent, policy=policy.default)
    assert message["Bcc"] is None and message["To"] == "cfo@larkspur.example, lead@larkspur.example"
    assert len(message.get_all("Subject")) == 1 and len(message["Subject"]) <= 200
    assert not any(len(line) > 998 for line in sent.split(b"\r\n"))
    html = message.get_body(("html",)).get_content()
    plain = message.get_body(("plain",)).get_content()
    for shown in (html, plain, message["Subject"]):
        assert "\u202e" not in shown and "\x00" not in shown
    allowed = {"html", "head", "meta", "title", "body", "div", "p", "h1", "h2", "img", "table", "tr", "th", "td", "ol", "li", "strong", "br", "span", "tbody"}  # fmt: skip
    from helpers.views import pdf

    tree = pdf.tree(html.partition(">")[2])
    tags = {
        n.tag for n in tree.all("img", "script", "a", "iframe", "svg", "channel", "u123", "ref", *allowed)
    }
    assert tags <= allowed
    assert all(n.attributes.keys() <= {"src", "alt", "width", "style"} and n.attributes["src"].startswith("cid:") for n in tree.all("img"))  # fmt: skip
    if text.isprintable() and len(text) < 60:
        assert " ".join(text.split())[:40] in " ".join(plain.split())
