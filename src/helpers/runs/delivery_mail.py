"""A report by e-mail: a small message with the finding, its figures inside it, and what was asked for attached.

The message goes out in one SMTP conversation. What fails before the end of the message is a failure and is tried
again by the next run; a line that goes dead after it may have been taken, and is told so.
"""

from __future__ import annotations

import re
import smtplib
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any, ClassVar

from helpers.runs import delivery, formats
from helpers.runs.delivery import Delivery, Facts, Outcome, Secret, Unsure
from helpers.terms.errors import NotDelivered, UsageError

FIELDS = ("email", "from", "server", "port", "security", "user", "password", "attach", "link", "reply_to", "ca", "timeout")  # fmt: skip
SECURITY = {"starttls": 587, "tls": 465, "none": 25}
LARGEST = 20_000_000  # of a message [bytes]: many servers take no more
LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")
TRIES, PAUSE = 3, 1.0  # to reach the server; the pause doubles [s]
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_LONGEST_SUBJECT = 200


def read(entry: Mapping[str, Any], where: str) -> Delivery:
    """Check an entry ``email: …``."""
    delivery.fields(entry, where, FIELDS, ("email", "from", "server"))
    to = [_address(a, "email", where) for a in delivery.words(entry, "email", where)]
    security = delivery.text(entry, "security", where, "starttls")
    server = delivery.text(entry, "server", where)
    if security not in SECURITY:
        raise UsageError(f"security: {security[:40]!r}", f"one of {', '.join(SECURITY)}", "starttls is the usual one", file=where)  # fmt: skip
    if security == "none" and not LOOPBACK.fullmatch(server):
        raise UsageError(f"security: none with the server {server[:60]}", "starttls or tls for a server that is not this machine", "take security: starttls", file=where)  # fmt: skip
    if not re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", server):
        raise UsageError(f"server: {server[:60]!r}", "a host's name", "the port is an entry of its own: port: 587", file=where)  # fmt: skip
    password, user = delivery.secret(entry, "password", where), delivery.text(entry, "user", where)
    if bool(password) != bool(user):
        raise UsageError("one of user and password", "both or none", "password: {env: FINOPS_SMTP_PASSWORD}", file=where)  # fmt: skip
    return Mail(
        where,
        formats.check(delivery.words(entry, "attach", where), where),
        tuple(dict.fromkeys(to)),
        _address(delivery.text(entry, "from", where), "from", where),
        server,
        _whole(entry, "port", where, SECURITY[security], 65_535),
        security,
        user,
        password,
        delivery.address(entry, "link", where),
        _address(delivery.text(entry, "reply_to", where), "reply_to", where) if entry.get("reply_to") else "",
        delivery.text(entry, "ca", where),
        _whole(entry, "timeout", where, 30, 600),
    )


def _address(said: str, name: str, where: str) -> str:
    if not _ADDRESS.fullmatch(said) or len(said) > 254:
        raise UsageError(
            f"{name}: {said[:60]!r}",
            "an address such as finance@example.org, without a name before it",
            "a domain with other letters is written with xn--",
            file=where,
        )
    return said


def _whole(entry: Mapping[str, Any], name: str, where: str, default: int, most: int) -> int:
    value = entry.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
        raise UsageError(f"{name}: {str(value)[:20]!r}", f"a whole number from 1 to {most}", f"leave it out for {default}", file=where)  # fmt: skip
    return value


@dataclass(frozen=True)
class Mail(Delivery):
    """By e-mail, each address once for each version of a report."""

    kind: ClassVar[str] = "email"

    to: tuple[str, ...] = ()
    sender: str = ""
    server: str = ""
    port: int = 587
    security: str = "starttls"
    user: str = ""
    password: Secret | None = None
    link: str = ""
    reply_to: str = ""
    ca: str = ""
    timeout: int = 30

    def targets(self, facts: Facts) -> list[str]:
        """The addresses."""
        return list(self.to)

    def deliver(self, facts: Facts, targets: Sequence[str]) -> Outcome:
        """One message to all of `targets`."""
        message = self.message(facts)
        body = message.as_bytes()
        if len(body) > LARGEST:
            raise NotDelivered(f"a message of {len(body) / 1e6:.0f} MB", f"at most {LARGEST / 1e6:.0f} MB", "attach less, or deliver the files to a folder and give its link", file=self.where)  # fmt: skip
        server = self._reached()
        try:
            refused = self._said(server, body, targets)
        finally:
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
        done = tuple(t for t in targets if t not in refused)
        return Outcome(done, f"{message['Message-ID']}, {len(body) / 1000:.0f} kB", refused)

    def message(self, facts: Facts) -> EmailMessage:
        """The message: text, HTML with its figures, attachments. The same report has the same Message-ID for ever."""
        from email.policy import SMTP

        from helpers.views import news

        told = _news(facts)
        link = delivery.linked(self.link, facts, self.where)
        pictures = [news.picture(f) for f in told.findings]
        domain = self.sender.partition("@")[2]
        cids = [f"figure{i}.{facts.version[:16]}@{domain}" if p else "" for i, p in enumerate(pictures, 1)]
        message = EmailMessage(policy=SMTP)
        message["Subject"] = _subject(told.headline)
        message["From"] = self.sender
        message["To"] = ", ".join(self.to)
        if self.reply_to:
            message["Reply-To"] = self.reply_to
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = f"<{facts.version[:40]}.finops@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Finops-Report"] = facts.version
        message.set_content(news.text(told, link))
        message.add_alternative(news.mail(told, link, cids), subtype="html")
        html: Any = message.get_payload()[1]  # type: ignore[index]
        for at, (png, cid) in enumerate(zip(pictures, cids, strict=True), 1):
            if png:
                html.add_related(png, "image", "png", cid=f"<{cid}>", filename=f"figure{at}.png", disposition="inline")  # fmt: skip
        for name, kind, content in _attached(facts, self.formats):
            message.add_attachment(content, *kind.split("/"), filename=name)
        return message

    def _reached(self) -> smtplib.SMTP:
        """A conversation that is encrypted and signed in, after retries."""
        for left in range(TRIES - 1, -1, -1):
            try:
                return self._opened()
            except NotDelivered:
                raise
            except smtplib.SMTPAuthenticationError as problem:
                raise self._failed(f"the server refused user and password ({problem.smtp_code})", "check them where they stand; the next run sends it") from None  # fmt: skip
            except smtplib.SMTPNotSupportedError as problem:
                raise self._failed(f"the server cannot do it: {problem}", "see whether it wants security: tls or another port") from None  # fmt: skip
            except ssl.SSLError as problem:
                raise self._failed(f"its certificate or encryption was not taken: {problem.reason or problem}", "see server and port; for a certificate of your own give ca: PATH") from None  # fmt: skip
            except (smtplib.SMTPException, OSError) as problem:
                if not left:
                    raise self._failed(f"cannot be reached: {_why(problem)}", "see that it runs and can be reached from here; the report is kept, and the next run sends it") from None  # fmt: skip
                time.sleep(PAUSE * 2 ** (TRIES - 1 - left))
        raise AssertionError("unreachable")

    def _opened(self) -> smtplib.SMTP:
        secure = ssl.create_default_context(cafile=self.ca or None)
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.server, self.port, timeout=self.timeout, context=secure)  # fmt: skip
        else:
            server = smtplib.SMTP(self.server, self.port, timeout=self.timeout)
        try:
            if self.security == "starttls":
                server.starttls(context=secure)
            server.ehlo_or_helo_if_needed()
            if self.password:
                server.login(self.user, self.password.value())
        except BaseException:
            server.close()
            raise
        return server

    def _said(self, server: smtplib.SMTP, body: bytes, targets: Sequence[str]) -> dict[str, str]:
        """Hand the message over; who was refused and why."""
        refused: dict[str, str] = {}
        try:
            code, answer = server.mail(self.sender)
            if code != 250:
                raise self._failed(f"the server does not take mail from {self.sender}: {_answer(code, answer)}", "take a sender that it knows")  # fmt: skip
            for target in targets:
                code, answer = server.rcpt(target)
                if code not in (250, 251):
                    refused[target] = _answer(code, answer)
            if len(refused) == len(targets):
                return refused
            code, answer = server.docmd("DATA")
            if code != 354:
                raise self._failed(f"the server took no message: {_answer(code, answer)}", "the next run sends it")  # fmt: skip
        except (smtplib.SMTPException, OSError) as problem:
            raise self._failed(f"the line went dead before the message: {_why(problem)}", "the next run sends it") from None  # fmt: skip
        try:
            server.send(re.sub(rb"(?m)^\.", b"..", body.removesuffix(b"\r\n")) + b"\r\n.\r\n")
            code, answer = server.getreply()
        except (smtplib.SMTPException, OSError) as problem:
            raise Unsure(f"the mail server's line went dead after the message ({_why(problem)})") from None
        if code != 250:
            raise self._failed(f"the server refused the message: {_answer(code, answer)}", "the next run sends it")  # fmt: skip
        return refused

    def _failed(self, what: str, remedy: str) -> NotDelivered:
        return NotDelivered(
            f"mail server {self.server}, port {self.port}: {what}", "", remedy, file=self.where
        )


def _news(facts: Facts) -> Any:
    from helpers.runs import outputs
    from helpers.views import news

    book = formats._book(facts.folder)
    return news.news(book, outputs.results(book), formats._title(book))


def _subject(headline: str) -> str:
    headline = headline.replace("\u00a0", " ")
    return headline if len(headline) <= _LONGEST_SUBJECT else headline[: _LONGEST_SUBJECT - 1].rstrip() + "…"


def _attached(facts: Facts, asked: Sequence[str]) -> list[tuple[str, str, bytes]]:
    """Name, type and content of each attachment; many files of one format as one archive."""
    kinds = {"html": "text/html", "pdf": "application/pdf", "json": "application/json", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}  # fmt: skip
    begins = re.sub(r"[^A-Za-z0-9_-]+", "-", f"{facts.notebook}-{facts.values.get('month', '')}").strip("-")
    made = []
    for name in asked:
        files = formats.files(facts.folder, name)
        if name in ("csv", "parquet"):
            made.append((f"{begins}-{name}.zip", "application/zip", _zipped(facts.folder, files)))
        else:
            made += [(f"{begins}.{name}", kinds[name], p.read_bytes()) for p in files]
    return made


def _zipped(report: Path, files: Sequence[Path]) -> bytes:
    import io
    import zipfile

    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            # a fixed time: equal files, equal archive
            entry = zipfile.ZipInfo(path.relative_to(report).as_posix(), (2026, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return held.getvalue()


def _answer(code: int, said: bytes | str) -> str:
    from helpers.views.markup import plain

    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return plain(f"{code} {text}", 200)


def _why(problem: BaseException) -> str:
    if isinstance(problem, smtplib.SMTPResponseException):
        return _answer(problem.smtp_code, problem.smtp_error)
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    from helpers.views.markup import plain

    return plain(problem, 200) if str(problem) else type(problem).__name__
