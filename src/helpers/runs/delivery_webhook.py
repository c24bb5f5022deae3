"""A report's findings to a webhook: Slack, Teams, or JSON for a program of one's own.

Only https (http to this machine), no redirect, a time limit. Answers that ask for it are tried again with growing
pauses; an answer that never came is told as "may have been sent", for Slack and Teams know no key by which they could
tell a second message from the first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from helpers.runs import delivery
from helpers.runs.delivery import Delivery, Facts, Outcome, Secret, Unsure
from helpers.runs.delivery_mail import LOOPBACK
from helpers.terms.errors import NotDelivered, UsageError

FIELDS = ("webhook", "format", "link", "timeout")
FORMS = ("slack", "teams", "json")
TRIES, PAUSE, LONGEST_PAUSE = (
    4,
    0.5,
    60.0,
)  # retries; the pause doubles [s]; what a server may ask for at most [s]
AGAIN = (429, 500, 502, 503, 504)


def read(entry: Mapping[str, Any], where: str) -> Delivery:
    """Check an entry ``webhook: …``."""
    delivery.fields(entry, where, FIELDS, ("webhook", "format"))
    form = delivery.text(entry, "format", where)
    if form not in FORMS:
        raise UsageError(f"format: {form[:40]!r}", f"one of {', '.join(FORMS)}", "json is for a program of your own", file=where)  # fmt: skip
    given = entry["webhook"]
    if isinstance(given, str) and form != "json":
        raise UsageError(
            "the address of a chat's webhook in the plan",  # not repeated here: whoever has it can write there
            "webhook: {env: NAME} or {file: PATH}",
            "keep it out of the plan, and replace it: who could read the plan has it",
            file=where,
        )
    plain = _checked(delivery.text(entry, "webhook", where), where) if isinstance(given, str) else ""
    held = None if plain else delivery.secret(entry, "webhook", where)
    seconds = entry.get("timeout", 20)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= 300:
        raise UsageError(f"timeout: {str(seconds)[:20]!r}", "seconds from 1 to 300", "leave it out for 20", file=where)  # fmt: skip
    return Webhook(where, (), form, plain, held, delivery.address(entry, "link", where), float(seconds))


def _checked(address: str, where: str) -> str:
    try:
        parts = urlsplit(address)
        host, fine = parts.hostname or "", parts.port is None or 0 < parts.port < 65_536
    except ValueError:
        host, fine, parts = "", False, urlsplit("")
    if not fine or not host or "@" in parts.netloc or any(c.isspace() or ord(c) < 33 for c in address):
        raise UsageError("an address of a webhook that cannot be read", "https://host/path", "copy it again", file=where)  # fmt: skip
    if parts.scheme != "https" and not (parts.scheme == "http" and LOOPBACK.fullmatch(host)):
        raise UsageError(f"a webhook at {parts.scheme}://{host}", "https (http only to this machine)", "take its https address", file=where)  # fmt: skip
    return address


@dataclass(frozen=True)
class Webhook(Delivery):
    """To a webhook, once for each version of a report."""

    kind: ClassVar[str] = "webhook"

    form: str = "json"
    plain: str = ""
    held: Secret | None = None
    link: str = ""
    timeout: float = 20.0

    def _url(self) -> str:
        return self.plain or _checked(self.held.value() if self.held else "", self.where)

    def targets(self, facts: Facts) -> list[str]:
        """One, by a hash: the address is a secret."""
        address = self._url()
        return [
            f"{self.form} {urlsplit(address).hostname} {hashlib.sha256(address.encode()).hexdigest()[:16]}"
        ]

    def shown(self, target: str) -> str:
        """Form and host, without the address or its hash."""
        return " at ".join(target.split(" ")[:2])

    def deliver(self, facts: Facts, targets: Sequence[str]) -> Outcome:
        """Post it."""
        from helpers.runs.delivery_mail import _news
        from helpers.views import news

        told = _news(facts)
        link = delivery.linked(self.link, facts, self.where)
        makers = {"slack": news.slack, "teams": news.teams, "json": news.as_json}
        body = makers[self.form](told, link)
        if self.form == "json":
            body |= {"version": facts.version, "parameters": dict(facts.values)}
        said = json.dumps(body, ensure_ascii=False).encode()
        code, tries = self._posted(said, hashlib.sha256((facts.version + targets[0]).encode()).hexdigest())
        return Outcome(tuple(targets), f"answer {code}" + (f" after {tries} tries" if tries > 1 else ""))

    def _posted(self, body: bytes, key: str) -> tuple[int, int]:
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3.exceptions import (
            ConnectTimeoutError,
            NameResolutionError,
            NewConnectionError,
            ProxyError,
            SSLError,
        )

        address = self._url()
        with requests.Session() as session:
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(max_retries=_retry()))
            heads = {"Content-Type": "application/json", "Idempotency-Key": key, "User-Agent": "finops-playbook-kit"}  # fmt: skip
            try:
                answer = session.post(
                    address,
                    data=body,
                    headers=heads,
                    timeout=(min(self.timeout, 10), self.timeout),
                    allow_redirects=False,
                    auth=_no_auth,
                )
            except requests.RequestException as problem:
                cause = _cause(problem)
                if isinstance(cause, NewConnectionError | ConnectTimeoutError | NameResolutionError | SSLError | ProxyError):  # fmt: skip
                    raise self._failed(f"cannot be reached ({type(cause).__name__})") from None
                raise Unsure(f"{self._host()} gave no answer ({type(cause).__name__})") from None
        history = getattr(getattr(answer.raw, "retries", None), "history", ()) or ()
        if answer.is_redirect or 300 <= answer.status_code < 400:
            raise self._failed(f"answered {answer.status_code}: it has moved, and redirects are not followed", "ask for its new address")  # fmt: skip
        if not 200 <= answer.status_code < 300:
            tries = f" after {len(history) + 1} tries" if history else ""
            raise self._failed(f"answered {answer.status_code}{tries}", "look whether it still stands and takes this format; the next run sends it" if answer.status_code < 500 else "the next run sends it")  # fmt: skip
        return answer.status_code, len(history) + 1

    def _host(self) -> str:
        return f"the webhook at {urlsplit(self._url()).hostname}"

    def _failed(self, what: str, remedy: str = "see that it can be reached from here; the report is kept, and the next run sends it") -> NotDelivered:  # fmt: skip
        return NotDelivered(f"{self._host()} {what}", "", remedy, file=self.where)


def _no_auth(request: Any) -> Any:
    """Keep credentials of a ``.netrc`` out of it."""
    return request


def _cause(problem: BaseException) -> BaseException:
    """What urllib3 stopped at; its text is not shown, for it holds the address."""
    found: Any = problem.args[0] if problem.args else problem
    return getattr(found, "reason", None) or (found if isinstance(found, BaseException) else problem)


def _retry() -> Any:
    from urllib3.util import Retry

    class Patient(Retry):
        def get_retry_after(self, response: Any) -> float | None:
            asked = super().get_retry_after(response)
            return None if asked is None else min(float(asked), LONGEST_PAUSE)

    return Patient(
        total=TRIES,
        connect=TRIES,
        read=0,  # an answer that never came: it may have been taken
        redirect=0,
        status=TRIES,
        other=0,
        status_forcelist=AGAIN,
        allowed_methods=None,
        backoff_factor=PAUSE,
        backoff_max=LONGEST_PAUSE,
        raise_on_status=False,
        raise_on_redirect=False,
    )
