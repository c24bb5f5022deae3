"""A finished report to those who read it: into a folder or an object store, by e-mail, to a webhook; never twice.

A record beside the report (JSON lines, only appended to) has an intent before anything leaves and an outcome after it.
An intent without an outcome means that the process ended in between: it may have been sent, and is not sent again
unless a person asks for that. A delivery is told apart by the version of the report (its notebook, parameters and
results), its kind and its target, so that the same results made anew are not news.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from helpers.runs import formats, strict
from helpers.terms.errors import BadInput, Damaged, NotDelivered, UsageError

SENT, BEFORE, UNSURE = "sent", "sent before", "may have been sent"
WAIT = 600  # how long one waits for another process that delivers with the same record [s]
LONGEST_STEP = 100  # of a folder's name made of a value [bytes]
_ASKED = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Facts:
    """What a delivery says of a report."""

    folder: Path
    notebook: str
    values: Mapping[str, str]  # what {…} in a target stands for
    version: str  # hash of notebook, parameters and results


@dataclass(frozen=True)
class Sent:
    """How a delivery ended.

    Attributes
    ----------
    kind, to : str
        ``folder``, ``email``, ``webhook``; the target as it may be shown.
    state : str
        `SENT`, `BEFORE` (by an earlier run) or `UNSURE`.
    version : str
        Of the report.
    note : str
        More about it; for `UNSURE` the remedy.
    """

    kind: str
    to: str
    state: str
    version: str
    note: str = ""

    @property
    def sure(self) -> bool:
        """Whether it is known to have arrived."""
        return self.state != UNSURE

    def record(self) -> dict[str, str]:
        """The same as plain data."""
        return {"kind": self.kind, "to": self.to, "state": self.state, "version": self.version, "note": self.note}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What one attempt came to: the targets that have it, and a note."""

    done: tuple[str, ...]
    note: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)


class Unsure(Exception):
    """The other side may have taken it: the line went dead after all was said."""


@dataclass(frozen=True)
class Delivery:
    """One delivery of a plan; `read` makes it.

    Attributes
    ----------
    where : str
        File and line of the plan, for messages.
    formats : tuple of str
        Of `formats.FORMATS`: what is delivered.
    """

    kind: ClassVar[str] = ""
    repeatable: ClassVar[bool] = False  # doing it again changes nothing, so a doubt is no reason to stop

    where: str
    formats: tuple[str, ...]

    def targets(self, facts: Facts) -> list[str]:
        """Where to, each by the name under which the record keeps it."""
        raise NotImplementedError

    def shown(self, target: str) -> str:
        """A target as people may see it."""
        return target

    def arrived(self, facts: Facts, target: str) -> bool:
        """Whether what the record calls sent is still there, as far as one can look."""
        return True

    def deliver(self, facts: Facts, targets: Sequence[str]) -> Outcome:
        """Try once, with the retries of its kind."""
        raise NotImplementedError


# --- reading a plan -------------------------------------------------------------------------------------------------


def read(entry: Mapping[str, Any], where: str) -> Delivery:
    """Check an entry of a plan's ``deliver`` list.

    Parameters
    ----------
    entry : mapping
        As YAML gives it: ``folder``, ``email`` or ``webhook``, and what belongs to it (docs/delivery.md).
    where : str
        File and line of the plan, such as ``plan.yaml, line 12``.

    Raises
    ------
    UsageError
        What is off, where, and the remedy.
    """
    import importlib

    kinds = {"folder": "delivery_folder", "email": "delivery_mail", "webhook": "delivery_webhook"}
    if not isinstance(entry, Mapping):
        raise UsageError(
            f"a delivery that is {type(entry).__name__}, not a mapping",
            f"one of {', '.join(kinds)} with what belongs to it",
            "docs/delivery.md has an example of each",
            file=where,
        )
    named = [k for k in kinds if k in entry]
    if len(named) != 1:
        raise UsageError(
            f"a delivery with {' and '.join(named) if named else f'none of {chr(44).join(kinds)}'}",
            "exactly one of folder, email, webhook in each entry",
            "make an entry of its own for each",
            file=where,
        )
    return importlib.import_module(f"helpers.runs.{kinds[named[0]]}").read(entry, where)


def entries(path: Path) -> list[Delivery]:
    """The deliveries of a plan, or of a file that holds one entry or a list of them.

    Raises
    ------
    BadInput
        The file is no YAML, or means something else than it seems to say (`runs.strict`).
    UsageError
        An entry is off.
    """
    root = strict.read(path, BadInput, ("YAML with a list deliver:", "docs/delivery.md has an example of each"))  # fmt: skip
    held = root.value.get("deliver", root) if isinstance(root.value, dict) else root
    if not held.value:
        raise UsageError("no delivery in it", "a list deliver: with at least one entry", "docs/delivery.md has an example of each", file=str(path))  # fmt: skip
    return [read(said, where) for where, said in (entry(node, path.parent) for node in held.items)]


def entry(node: strict.Node, base: Path) -> tuple[str, Any]:
    """Place and plain data of an entry in a file; a folder in it is seen from the file's own."""
    said = node.plain
    place = said.get("folder") if isinstance(said, dict) else None
    if isinstance(place, str) and place and "://" not in place:
        said["folder"] = os.path.join(base, place)  # noqa: PTH118 - holds {names} still
    return f"{node.file}, line {node.row}", said


def fields(entry: Mapping[str, Any], where: str, known: Sequence[str], needed: Sequence[str] = ()) -> None:
    """Refuse a name that an entry cannot have, and the lack of one that it must have."""
    from helpers.runs.parameters import nearest

    for name in entry:
        if name not in known:
            raise UsageError(
                f"{str(name)[:40]!r} in a delivery",
                f"only {', '.join(known)}",
                nearest(str(name), known) or "take it out",
                file=where,
            )
    for name in needed:
        if entry.get(name) in (None, "", []):
            raise UsageError(f"no {name} in the delivery", f"{name}: …", "docs/delivery.md has an example of each", file=where)  # fmt: skip


def text(entry: Mapping[str, Any], name: str, where: str, default: str = "") -> str:
    """One value of an entry as text."""
    value = entry.get(name, default)
    if value is None:
        return default
    if not isinstance(value, str) or any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise UsageError(f"{name} is {str(value)[:40]!r}", "one line of text", f"write {name} in quotes", file=where)  # fmt: skip
    return value.strip()


def words(entry: Mapping[str, Any], name: str, where: str, default: Sequence[str] = ()) -> list[str]:
    """A value of an entry that is a list of texts, or one."""
    value = entry.get(name)
    if value is None:
        return list(default)
    each = [value] if isinstance(value, str) else value
    if not isinstance(each, list):
        raise UsageError(f"{name} is {str(value)[:40]!r}", "a text or a list of texts", f"write {name}: [a, b]", file=where)  # fmt: skip
    return [text({name: v}, name, where) for v in each]


def address(entry: Mapping[str, Any], name: str, where: str) -> str:
    """A value of an entry that is an address which people follow; ``{month}`` … may stand in it."""
    found = text(entry, name, where)
    if found and not re.fullmatch(r"https?://[^\s<>\"'\\^`|]+", found):
        raise UsageError(f"{name}: {found[:60]!r}", "an address that begins with https://", "leave it out, or give the address of the report", file=where)  # fmt: skip
    return found


def linked(target: str, facts: Facts, where: str) -> str:
    """An address with its ``{department}`` …, as those name a delivered folder."""
    from urllib.parse import quote

    return _ASKED.sub(lambda m: quote(filled(m[0], facts, where), safe=""), target)


def secret(entry: Mapping[str, Any], name: str, where: str) -> Secret | None:
    """A secret named by an entry, as ``{env: NAME}`` or ``{file: PATH}``; never the secret itself."""
    value = entry.get(name)
    if value is None:
        return None
    if (
        isinstance(value, Mapping)
        and len(value) == 1
        and next(iter(value)) in ("env", "file")
        and isinstance(next(iter(value.values())), str)
    ):
        ((way, place),) = value.items()
        return Secret(way, place, name, where)
    raise UsageError(
        f"{name} with a value of its own",  # which is not repeated here: it may be the secret
        f"{name}: {{env: NAME}} or {name}: {{file: PATH}}",
        "keep the secret out of the plan, and replace it: who could read the plan has it",
        file=where,
    )


@dataclass(frozen=True)
class Secret:
    """Where a secret stands; it is read when it is used, and shown nowhere."""

    way: str
    place: str
    name: str
    where: str

    def value(self) -> str:
        """The secret."""
        try:
            found = (
                os.environ.get(self.place, "") if self.way == "env" else Path(self.place).read_text("utf-8")
            )
        except (OSError, UnicodeDecodeError):
            found = ""
        found = found.strip()
        if not found or any(ord(c) < 32 for c in found):
            said = f"the variable {self.place} is" if self.way == "env" else f"the file {self.place} is"
            raise NotDelivered(
                f"{said} {'empty or not there' if not found else 'more than one line'}",
                f"the {self.name} in it, on one line",
                "set it where the batch runs",
                file=self.where,
            )
        return found


# --- what is delivered ----------------------------------------------------------------------------------------------


def facts(report: Path) -> Facts:
    """What a delivery says of a report.

    Raises
    ------
    BadInput
        The folder holds no whole report.
    """
    try:
        held = (report / "results.json").read_bytes()
        results, digest = json.loads(held), hashlib.sha256(held).hexdigest()
        manifest = json.loads((report / "manifest.json").read_text("utf-8"))
        known = manifest["files"]["results.json"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise BadInput(
            "no whole report of the kit",
            "a folder with results.json and manifest.json",
            "make the report again with finops report",
            file=str(report),
        ) from problem
    if digest != known:
        raise Damaged("results.json is not what the manifest says", "the report as it was made", "make the report again", file=str(report))  # fmt: skip
    values = {k: str(v) for k, v in (results.get("parameters") or {}).items()}
    values |= {"notebook": results["notebook"], "month": results["month"], "as_of": results["as_of"]}
    said = json.dumps([results["notebook"], values, digest], sort_keys=True)
    return Facts(report, results["notebook"], values, hashlib.sha256(said.encode()).hexdigest())


def filled(target: str, facts: Facts, where: str) -> str:
    """A target with its ``{department}``, ``{month}`` … as steps of a path that lead nowhere else.

    Examples
    --------
    >>> filled("out/{x}", Facts(Path(), "", {"x": "../a b"}, ""), "")
    'out/%2E.%2Fa b'
    """

    def put(found: re.Match[str]) -> str:
        name = found[1]
        if name not in facts.values:
            raise UsageError(f"{{{name}}} in {target!r}", f"one of {', '.join(sorted(facts.values))}", "take one of them", file=where)  # fmt: skip
        return step(facts.values[name])

    return _ASKED.sub(put, target)


def step(value: str) -> str:
    """A value as one step of a path: told apart from every other value's, and never ``..``."""
    if not value:
        return "all"
    coded = "".join(
        c if c.isalnum() or c in "_-. " else "".join(f"%{b:02X}" for b in c.encode("utf-8", "replace"))
        for c in value
    )
    if coded[0] in ". ":
        coded = f"%{ord(coded[0]):02X}{coded[1:]}"
    if coded[-1] in ". ":
        coded = f"{coded[:-1]}%{ord(coded[-1]):02X}"
    if coded == "all":
        coded = "%61ll"
    if len(coded.encode()) > LONGEST_STEP:
        begins = coded.encode()[: LONGEST_STEP - 20].decode("utf-8", "ignore")
        coded = f"{begins}-{hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:16]}"
    return coded


# --- sending --------------------------------------------------------------------------------------------------------


def send(report: Path, delivery: Delivery, record: Path, *, resend: bool = False) -> Sent:
    """Deliver a report once.

    Parameters
    ----------
    report : Path
        Folder of a finished report. Formats that the delivery asks for and that are not there yet are made.
    delivery : Delivery
    record : Path
        JSON lines with every intent and outcome; made where there is none. All runs of a plan share one.
    resend : bool, default False
        Send again what may have been sent already (never what is known to have arrived).

    Returns
    -------
    Sent

    Raises
    ------
    NotDelivered
        It did not arrive; the report is as it was, and the next call tries again.
    """
    about = facts(report)
    targets = delivery.targets(about)
    label = ", ".join(delivery.shown(t) for t in targets[:3]) + (" …" if len(targets) > 3 else "")
    keys = {t: _key(about, delivery, t) for t in targets}
    with _Record(record) as book:
        left, doubtful = [], []
        for target in targets:
            state = book.state(keys[target])
            if state == SENT and delivery.arrived(about, target):
                continue
            if state == "intent" and not delivery.repeatable and not resend:
                doubtful.append(target)
                continue
            left.append(target)
        if not left and not doubtful:
            return Sent(delivery.kind, label, BEFORE, about.version)
        if doubtful and not left:
            return _unsure(delivery, doubtful, about)
        formats.write(report, delivery.formats)
        book.intend(delivery, about, {t: keys[t] for t in left})
        try:
            outcome = delivery.deliver(about, left)
        except Unsure as problem:
            book.add({"state": "unsure", "keys": [keys[t] for t in left], "note": str(problem)})
            return _unsure(delivery, left, about, str(problem))
        except BaseException as problem:
            if isinstance(problem, Exception):  # a stop by a person or a scheduler leaves the intent as it is
                book.failed([keys[t] for t in left], problem)
            raise
        book.done(keys, outcome)
        if outcome.refused:
            raise NotDelivered(
                f"{len(outcome.refused)} of {len(left)} refused: "
                + "; ".join(f"{delivery.shown(t)} ({why})" for t, why in list(outcome.refused.items())[:5]),
                "addresses that the other side takes",
                "mend them in the plan; the next run sends to them only",
                file=delivery.where,
            )
        if doubtful:
            return _unsure(delivery, doubtful, about)
    return Sent(delivery.kind, label, SENT, about.version, outcome.note)


def _unsure(delivery: Delivery, targets: Sequence[str], about: Facts, why: str = "") -> Sent:
    said = why or "the process that sent it ended before it knew"
    to = ", ".join(delivery.shown(t) for t in targets[:3])
    return Sent(delivery.kind, to, UNSURE, about.version, f"{said}; look there, and send it again with --resend if it did not arrive")  # fmt: skip


def _key(about: Facts, delivery: Delivery, target: str) -> str:
    said = json.dumps([about.version, delivery.kind, target])
    return hashlib.sha256(said.encode()).hexdigest()


class _Record:
    """The record of deliveries, held by one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.states: dict[str, str] = {}

    def __enter__(self) -> _Record:
        from filelock import FileLock, Timeout

        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.path.with_name(f".{self.path.name}.lock"))
        try:
            self._lock.acquire(timeout=WAIT)
        except Timeout:
            raise NotDelivered(
                f"another process has been delivering with this record for {WAIT} s",
                "one at a time",
                "wait for it, then run it again",
                file=str(self.path),
            ) from None
        try:
            self._read()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        self._lock.release()

    def _read(self) -> None:
        try:
            held = self.path.read_bytes()
        except FileNotFoundError:
            return
        *whole, torn = held.split(b"\n")
        if (
            torn
        ):  # killed while it wrote: an intent, and nothing had left yet, or an outcome, and its intent stands
            os.truncate(self.path, len(held) - len(torn))
        for at, line in enumerate(whole, 1):
            try:
                one = json.loads(line)
                for key in one["keys"]:
                    self.states[key] = "intent" if one["state"] == "unsure" else one["state"]
            except (ValueError, KeyError, TypeError) as problem:
                raise Damaged(
                    "no line of a record of deliveries",
                    "the record as it was written: without it something could be sent twice",
                    "bring it back from a copy, or move it away if nothing may be sent twice by that",
                    file=str(self.path),
                    row=at,
                ) from problem

    def state(self, key: str) -> str:
        return self.states.get(key, "")

    def add(self, line: Mapping[str, Any]) -> None:
        """Append a line, on disk before this returns."""
        said = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **line}, ensure_ascii=False)
        before = self.path.stat().st_size if self.path.exists() else 0
        try:
            with self.path.open("ab") as file:
                file.write(said.encode("utf-8", "replace") + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):  # a line that is not sure to be on disk was not written
                os.truncate(self.path, before)
            raise

    def intend(self, delivery: Delivery, about: Facts, keys: Mapping[str, str]) -> None:
        shown = [delivery.shown(t) for t in keys]
        self.add({"state": "intent", "keys": list(keys.values()), "kind": delivery.kind, "to": shown, "report": about.folder.name, "notebook": about.notebook, "version": about.version, "process": os.getpid()})  # fmt: skip

    def done(self, keys: Mapping[str, str], outcome: Outcome) -> None:
        if outcome.done:
            self.add({"state": SENT, "keys": [keys[t] for t in outcome.done], "note": outcome.note})
        if outcome.refused:
            self.failed([keys[t] for t in outcome.refused], "; ".join(outcome.refused.values()))

    def failed(self, keys: Sequence[str], problem: object) -> None:
        from helpers.runs.secrets import masked

        self.add({"state": "failed", "keys": list(keys), "note": masked(str(problem))[:500]})


@contextmanager
def told(where: str, what: str, remedy: str) -> Iterator[None]:
    """A failure of the system or of a library, as a delivery that did not arrive."""
    from helpers.runs.secrets import masked

    try:
        yield
    except OSError as problem:
        said = os.strerror(problem.errno) if problem.errno else str(problem)
        raise NotDelivered(f"{what}: {masked(said)[:300]}", "", remedy, file=where) from problem
