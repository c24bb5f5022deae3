"""An organisation's look in one file: name, logo, colours, how amounts and days are written.

``look.yaml`` is read strictly: an unknown key, a colour that cannot be read on the page, a picture that could carry a
script are refused with file, line, what was found and what is needed. Where nothing is set, every page is what it is
without this module. How the file is written: docs/look-and-language.md.

Which look: `use` for a block of code, else ``$FINOPS_LOOK`` (set by ``--look FILE``), else none.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from helpers.terms import writing
from helpers.terms.errors import BadInput
from helpers.terms.writing import Writing
from helpers.views import colours, logo

VARIABLE = "FINOPS_LOOK"
LONGEST = 100_000  # of the file [bytes]
COLOURS = (
    "subject",
    "adds",
    "takes",
)  # those that an organisation may choose: grey stays context, ink stays text
DARK = "-dark"
SIGNS = {"thousands": (",", ".", " ", "'", "’", ""), "decimal": (",", ".")}
TOKENS = {"YYYY": "{year}", "MMMM": "{month}", "MM": "{month2}", "DD": "{day2}", "D": "{day}"}
_TOKEN = re.compile("YYYY|MMMM|MM|DD|D")
NEAR = 0.08  # OKLab distance below which two marks of one picture are hard to tell apart


@dataclass(frozen=True)
class Look:
    """What a look file says; the default is the kit's own look.

    Attributes
    ----------
    name : str
        The organisation's; empty for the name that the charges carry.
    logo : str
        As a ``data:`` address, safe and small; empty for none.
    light, dark : mapping
        Colours by name (`COLOURS`) that differ from `views.theme`'s, on white and on dark paper.
    language : str
        Code of the language file; empty for English.
    signs : mapping
        Fields of `terms.writing.Writing` that the file sets.
    notes : tuple of str
        What was adjusted, as sentences.
    sha256 : str
        Of the file and its logo; empty for the default.
    """

    name: str = ""
    logo: str = ""
    light: Mapping[str, str] = field(default_factory=dict)
    dark: Mapping[str, str] = field(default_factory=dict)
    language: str = ""
    signs: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sha256: str = ""


NONE = Look()
_used: ContextVar[Look | None] = ContextVar("look of the page at hand", default=None)


def current() -> Look:
    """The look of the page at hand."""
    used = _used.get()
    if used is not None:
        return used
    path = os.environ.get(VARIABLE, "")
    return _read_once(path) if path else NONE


@contextmanager
def use(look: Look) -> Iterator[None]:
    """Show everything within in this look."""
    before = _used.set(look)
    try:
        yield
    finally:
        _used.reset(before)


def choose(path: str | Path | None) -> Look:
    """The look of this process and of those it starts; nothing changes where no path is given.

    Raises
    ------
    BadInput
        As `read`: before anything is run.
    """
    if not path:
        return current()
    found = read(Path(path))
    os.environ[VARIABLE] = str(Path(path).resolve())
    _read_once.cache_clear()
    return found


def read(path: Path) -> Look:
    """Read and check a look file.

    Parameters
    ----------
    path : Path
        YAML; its logo is looked for beside it.

    Returns
    -------
    Look

    Raises
    ------
    BadInput
        Not there, no YAML, an unknown key, a value that is none, a colour that cannot be read, an unsafe logo: with
        file, line and key.
    """
    return _Reader(path).look()


@lru_cache(maxsize=8)
def _read_once(path: str) -> Look:
    return read(Path(path))


def signs() -> Writing:
    """How numbers, amounts and days are written now: the language's way, then what the look sets."""
    from helpers.views import words

    return _signs(words.language(), current())


@cache
def _signs_of(code: str) -> Writing:
    from helpers.views import words

    own: dict[str, Any] = dict(words.of(code).writing)
    own["months"] = tuple(own.get("months", ()))
    return Writing(**own)


def _signs(code: str, look: Look) -> Writing:
    from dataclasses import replace

    base = _signs_of(code)
    if not look.signs:
        return base
    key = (code, id(look))
    if key not in _made:
        _made.clear()
        _made[key] = (look, replace(base, **look.signs))  # the look is held, so that its id stays its own
    return _made[key][1]


_made: dict[tuple[str, int], tuple[Look, Writing]] = {}
writing.from_here(signs)


class _Reader:
    """One reading of a look file."""

    def __init__(self, path: Path) -> None:
        self.path, self.notes = path, []
        self.lines: dict[str, int] = {}

    def look(self) -> Look:
        text = self._text()
        raw = self._parsed(text)
        self._known(raw, "", ("name", "logo", "language", "colours", "numbers", "currency", "dates"))
        light, dark = self._colours(self._section(raw, "colours"))
        found, held = self._logo(raw)
        return Look(
            name=self._name(raw),
            logo=found,
            light=light,
            dark=dark,
            language=self._language(raw),
            signs=self._numbers(raw) | self._currency(raw) | self._dates(raw),
            notes=tuple(self.notes),
            sha256=hashlib.sha256(text.encode() + held).hexdigest(),
        )

    def wrong(self, found: str, needed: str, remedy: str, key: str = "") -> BadInput:
        return BadInput(
            found, needed, remedy, file=str(self.path), row=self.lines.get(key), column=key or None
        )

    def _text(self) -> str:
        try:
            held = self.path.read_bytes()
        except OSError as problem:
            raise self.wrong(
                f"the look cannot be read: {os.strerror(problem.errno or 0)}", "a YAML file", "check the path"
            ) from problem
        if len(held) > LONGEST:
            raise self.wrong(f"{len(held):,} bytes", f"at most {LONGEST:,}", "give a look file")
        try:
            return held.decode("utf-8")
        except UnicodeDecodeError as problem:
            raise self.wrong("text that is not UTF-8", "UTF-8", "save the file as UTF-8") from problem

    def _parsed(self, text: str) -> dict[str, Any]:
        import yaml

        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            self._places(node, "")
            raw = yaml.safe_load(text)
        except yaml.YAMLError as problem:
            mark = getattr(problem, "problem_mark", None)
            self.lines[""] = mark.line + 1 if mark else 1
            raise self.wrong(
                f"YAML that cannot be read: {getattr(problem, 'problem', problem)}", "YAML", "mend the line"
            ) from problem
        if not isinstance(raw, dict):
            raise self.wrong(
                "no names with values",
                "lines like: name: Aurora Retail",
                "docs/look-and-language.md shows one",
            )
        return raw

    def _places(self, node: Any, above: str) -> None:
        """Line of every key; a key that stands twice is refused."""
        import yaml

        if isinstance(node, yaml.MappingNode):
            for name, value in node.value:
                key = f"{above}.{name.value}" if above else str(name.value)
                twice = key in self.lines
                self.lines[key] = name.start_mark.line + 1
                if twice:
                    raise self.wrong(f"{key} stands twice", "each once", "leave one away", key)
                self._places(value, key)

    def _known(self, raw: Mapping[Any, Any], section: str, known: tuple[str, ...]) -> None:
        import difflib

        for name in raw:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, 1)
                where = f"{section}.{name}" if section else str(name)
                raise self.wrong(
                    f"no key {str(name)[:40]!r}{f' in {section}' if section else ''}",
                    f"one of {', '.join(known)}",
                    f"did you mean {near[0]}?" if near else "leave it away",
                    where,
                )

    def _section(self, raw: Mapping[str, Any], name: str) -> dict[str, Any]:
        found = raw.get(name)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise self.wrong(f"{name}: {found!r}"[:80], "names with values", "indent them below it", name)
        return found

    def _string(self, value: Any, key: str, longest: int = 80) -> str:
        if not isinstance(value, str) or len(value) > longest or not (value.isprintable() or value == ""):
            raise self.wrong(
                f"{key.split('.')[-1]}: {str(value)[:40]!r}",
                f"one line of text, up to {longest} characters",
                "put it in quotes",
                key,
            )
        return value

    def _name(self, raw: Mapping[str, Any]) -> str:
        return self._string(raw["name"], "name").strip() if "name" in raw else ""

    def _language(self, raw: Mapping[str, Any]) -> str:
        from helpers.views import words

        if "language" not in raw:
            return ""
        # YAML takes the word no for false: Norwegian must stand in quotes
        code = self._string(raw["language"], "language", 20)
        if code not in words.languages():
            raise self.wrong(
                f"no language {code!r}",
                f"one of {', '.join(words.languages())}",
                "docs/look-and-language.md says how one is added",
                "language",
            )
        return code

    def _logo(self, raw: Mapping[str, Any]) -> tuple[str, bytes]:
        if "logo" not in raw:
            return "", b""
        named = self._string(raw["logo"], "logo", 200)
        beside = self.path.resolve().parent
        file = (beside / named).resolve()
        if not file.is_relative_to(beside):
            raise self.wrong(f"logo: {named}", "a file beside the look file", "copy it there", "logo")
        try:
            return logo.read(file)
        except BadInput as problem:
            problem.row = self.lines.get("logo") if problem.row is None else problem.row
            raise

    def _colours(self, raw: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        from helpers.views import theme

        self._known(raw, "colours", tuple(f"{c}{d}" for c in COLOURS for d in ("", DARK)))
        for name, value in raw.items():
            if not colours.is_colour(value):
                raise self.wrong(
                    f"{name}: {str(value)[:40]!r}",
                    "a colour such as '#0b5cad', in quotes (YAML takes # for a comment)",
                    "write it with six digits",
                    f"colours.{name}",
                )
        light = {
            n: self._readable(raw[n].lower(), theme.LIGHT["paper"], n, "white") for n in COLOURS if n in raw
        }
        dark = {}
        for name in COLOURS:
            paper = theme.DARK["paper"]
            if name + DARK in raw:
                dark[name] = self._readable(raw[name + DARK].lower(), paper, name + DARK, "dark")
            elif name in raw:  # nobody chose one: the same hue, light enough to be read there
                dark[name] = colours.readable(raw[name].lower(), paper, 6.0)
        self._told_apart(theme.LIGHT | light, light, "")
        self._told_apart(theme.DARK | dark, dark, DARK)
        return light, dark

    def _readable(self, colour: str, paper: str, name: str, which: str) -> str:
        has = colours.contrast(colour, paper)
        if has >= colours.TEXT:
            return colour
        near = colours.readable(colour, paper)
        if has < colours.MARK:
            raise self.wrong(
                f"{name}: {colour} has a contrast of {has:.1f} on {which} paper",
                f"at least {colours.TEXT} (WCAG 2.2 AA): it is used for text",
                f"{near} is the nearest of its hue that can be read",
                f"colours.{name}",
            )
        self.notes.append(
            f"{name}: {colour} has a contrast of {has:.1f} on {which} paper and text needs {colours.TEXT}; "
            f"{near} of the same hue is shown instead."
        )
        return near

    def _told_apart(self, palette: Mapping[str, str], chosen: Mapping[str, str], dark: str) -> None:
        """Marks that meet in one picture: words and signs say it too, so this is a note and no refusal."""
        for a, b in (("adds", "takes"), ("subject", "context"), ("adds", "context"), ("takes", "context")):
            if {a, b} & set(chosen) and colours.apart(palette[a], palette[b]) < NEAR:
                self.notes.append(
                    f"{a}{dark} {palette[a]} and {b}{dark} {palette[b]} are hard to tell apart in a picture."
                )

    def _numbers(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        found = self._section(raw, "numbers")
        self._known(found, "numbers", tuple(SIGNS))
        for name, value in found.items():
            if value not in SIGNS[name]:
                raise self.wrong(
                    f"{name}: {str(value)[:20]!r}",
                    f"one of {' '.join(repr(s) for s in SIGNS[name])}",
                    "put it in quotes",
                    f"numbers.{name}",
                )
        if len(found) == 1:
            have, other = next(iter(found)), "decimal" if "thousands" in found else "thousands"
            raise self.wrong(
                f"only {have}", "thousands and decimal together", f"add {other}", f"numbers.{have}"
            )
        if found and found["thousands"] == found["decimal"]:
            raise self.wrong(
                f"{found['decimal']!r} for both",
                "two different signs: else 1,234 could be either",
                "choose another for thousands",
                "numbers.thousands",
            )
        return dict(found)

    def _currency(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        found = self._section(raw, "currency")
        self._known(found, "currency", ("format", "signs"))
        made: dict[str, Any] = {}
        if "format" in found:
            form = self._string(found["format"], "currency.format", 40)
            if sorted(re.findall(r"\{\w*\}", form)) != ["{amount}", "{currency}"]:
                raise self.wrong(
                    f"format: {form!r}",
                    "{amount} and {currency}, each once, such as '{amount} {currency}'",
                    "write both",
                    "currency.format",
                )
            if re.search(r"[\d<>&]", form):
                raise self.wrong(
                    f"format: {form!r}", "no digits and no markup", "leave them away", "currency.format"
                )
            made["amount"] = form
        if "signs" in found:
            signs = self._section(found | {"currency.signs": found["signs"]}, "currency.signs")
            for code, sign in signs.items():
                key = f"currency.signs.{code}"
                if not re.fullmatch("[A-Z]{3}", str(code)):
                    raise self.wrong(f"{code}", "a currency's code, such as EUR", "write three capitals", key)
                if not self._string(sign, key, 6).strip() or re.search(r"[\d.,<>&+−-]", sign):
                    raise self.wrong(f"{code}: {sign!r}", "a sign such as '€'", "put it in quotes", key)
            twice = {s for s in signs.values() if list(signs.values()).count(s) > 1}
            if twice:
                raise self.wrong(
                    f"{' '.join(sorted(twice))} for several currencies",
                    "a sign of its own for each: two currencies must never look alike",
                    "write US$ and CA$",
                    "currency.signs",
                )
            made["symbols"] = signs
        return made

    def _dates(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        found = self._section(raw, "dates")
        self._known(found, "dates", ("day", "month"))
        made = {}
        for name, field_of, days_asked, example in (
            ("day", "day", 1, "D MMMM YYYY"),
            ("month", "title", 0, "MMMM YYYY"),
        ):
            if name not in found:
                continue
            form, key = self._string(found[name], f"dates.{name}", 40), f"dates.{name}"
            pattern = _TOKEN.sub(lambda m: TOKENS[m[0]], form)
            places = re.findall(r"\{\w+\}", pattern)
            whole = (
                sorted(p.strip("{}2") for p in places) == ["day", "month", "year"][1 - days_asked :]
                and pattern.count("{") == len(places)
                and not re.search(r"[A-Za-z0-9<>&]", re.sub(r"\{\w+\}", "", pattern))
            )
            if not whole:
                raise self.wrong(
                    f"{name}: {form!r}",
                    f"{'D or DD, ' if days_asked else ''}MM or MMMM, and YYYY, each once, such as {example}",
                    "docs/look-and-language.md lists them",
                    key,
                )
            made[field_of] = pattern
        return made
