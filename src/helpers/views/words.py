"""The texts of pages, by key, in the page's language: English complete, German as proof.

``say("masthead.charges", n=41208)`` gives ``41,208 charges`` or ``41.208 Posten``. The texts stand in
``language/<code>.yaml``; English is the source, and a test holds that every other language has the same keys,
placeholders and plural forms. What comes from lower layers as English text (the catalog's names and definitions,
a playbook's rules) is looked up by that text: `term`.

Which language: `use` for a block of code, else ``$FINOPS_LANGUAGE`` (set by ``--language``), else that of the look,
else English. A page whose findings a language does not have is in English as a whole (`of_page`), never half of it.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from helpers.terms.errors import UsageError
from helpers.terms.writing import MINUS

FOLDER = Path(__file__).with_name("language")
SOURCE = "en"
VARIABLE = "FINOPS_LANGUAGE"
LESSON = "(lesson)"  # stands in no language's list of notebooks
FORMS = {"zero", "one", "two", "few", "many", "other"}  # of a plural, as Unicode's CLDR names them
NO_TEXTS = {"notebooks", "writing", "texts"}  # sections that `say` does not read
REASONS = {  # how the catalog writes why there is no value -> the same as a template that languages translate
    r"needs (?P<what>.+)": "needs {what}",
    r"(?P<columns>.+) null in every charge of (?P<month>\S+)": "{columns} null in every charge of {month}",
    r"the charges have no column (?P<columns>.+)": "the charges have no column {columns}",
    r"the table (?P<table>\S+) has no column (?P<columns>.+)": "the table {table} has no column {columns}",
}
_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_page = [""]  # the notebook whose page this process makes; set by `settle`
_chosen: ContextVar[str] = ContextVar("language of the page at hand", default="")


@dataclass(frozen=True)
class Language:
    """One language file.

    Attributes
    ----------
    code : str
        As in HTML's ``lang``: ``en``, ``de``.
    says : mapping
        Key to its text, or to the forms of its plural.
    asks : mapping
        Key to the names of its placeholders.
    texts : mapping
        English text of a lower layer to this language's; empty for English.
    writing : mapping
        How numbers, amounts and days are written (fields of `terms.writing.Writing`).
    notebooks : frozenset of str
        Notebooks whose pages are whole in this language.
    """

    code: str
    says: Mapping[str, str | Mapping[str, str]]
    asks: Mapping[str, set[str]]
    texts: Mapping[str, str]
    writing: Mapping[str, Any]
    notebooks: frozenset[str] = frozenset()


def say(key: str, **values: object) -> str:
    """The text of a key in the page's language.

    Parameters
    ----------
    key : str
        Such as ``page.skip``.
    **values
        What stands in its placeholders. Whole numbers, Decimals and days are written in the page's form, texts stay as
        they are (a text from data passes `views.markup.plain` before, and the whole passes `safe` on its way to HTML).
        `n` chooses the plural's form, whether it stands in the text or not.

    Returns
    -------
    str
        Plain text, no markup.

    Raises
    ------
    KeyError
        No such key, or values that are not those of its placeholders: a mistake in code, which tests find.

    Examples
    --------
    >>> say("masthead.charges", n=1), say("masthead.charges", n=41208)
    ('1 charge', '41,208 charges')
    >>> with use("de"):
    ...     say("masthead.charges", n=41208)
    '41.208 Posten'
    """
    held = of(language())
    found = held.says.get(key)
    if found is None:
        near = difflib.get_close_matches(key, of(SOURCE).says, 1)
        raise KeyError(f"no text {key!r} in {held.code}.yaml{f'; did you mean {near[0]}?' if near else ''}")
    if held.asks[key] != values.keys():
        raise KeyError(f"{key} takes {sorted(held.asks[key])}, was given {sorted(values)}")
    text = found if isinstance(found, str) else _form(found, values["n"])
    return _PLACE.sub(lambda m: _written(values[m[1]]), text)


class Section(Mapping[str, str]):
    """The texts of one section by their short keys, as templates: for a frame that needs all of them at once.

    Examples
    --------
    >>> Section("portal")["found"].format(n=3)
    'Pages found: 3'
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __getitem__(self, key: str) -> str:
        found = of(language()).says[f"{self.name}.{key}"]
        return found if isinstance(found, str) else found["other"]

    def __iter__(self) -> Iterator[str]:
        start = f"{self.name}."
        return (k.removeprefix(start) for k in of(SOURCE).says if k.startswith(start))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def term(text: str) -> str:
    """A text of a lower layer (a KPI's name, a rule's title with its placeholders) in the page's language.

    English where the language has none: `translated` tells which, so that a page can mark it (HTML's ``lang``).

    Examples
    --------
    >>> with use("de"):
    ...     term("Effective cost"), term("a text nobody translated")
    ('Effektive Kosten', 'a text nobody translated')
    """
    return of(language()).texts.get(text, text)


def translated(text: str) -> bool:
    """Whether `term` gives this text in the page's language."""
    return language() == SOURCE or text in of(language()).texts


def filled(text: str, values: Mapping[str, object]) -> str:
    """A template of a lower layer in the page's language, its placeholders filled."""
    return _PLACE.sub(lambda m: _written(values[m[1]]), term(text))


def reason(text: str) -> str:
    """Why a number has no value, in the page's language: several reasons stand one behind the other, each is looked up.

    Examples
    --------
    >>> reason("no charges")
    'no charges'
    """
    if language() == SOURCE:
        return text
    return "; ".join(_reason(part) for part in text.split("; "))


def _reason(part: str) -> str:
    for start, template in REASONS.items():
        found = re.fullmatch(start, part)
        if found:
            named = found.groupdict()
            return filled(template, {n: term(v) for n, v in named.items()})
    return term(part)


def action(found: Any) -> Any:
    """A decision in the page's language, where its rule is translated; as it is where not, or where no rule made it.

    Parameters
    ----------
    found : Action
        Its ``said`` has the rule's own texts and what fills them.
    """
    from dataclasses import replace

    said = getattr(found, "said", None)
    if (
        not said
        or language() == SOURCE
        or not all(map(translated, (said["title"], said["do"], said["name"])))
    ):
        return found
    fields = said["fields"]
    why = {"name": term(said["name"]), "value": fields["value"], "threshold": fields["threshold"]}
    return replace(
        found,
        title=filled(said["title"], fields),
        do=filled(said["do"], fields),
        why=say(f"decisions.why_{said['compared'].replace(' ', '_')}", **why),
        owner=term(found.owner),
    )


def foreign(found: Any) -> bool:
    """Whether a decision stays English on a page in another language: the page marks it for those who hear it read."""
    return language() != SOURCE and action(found) is found


def language() -> str:
    """Code of the page's language."""
    return _chosen.get() or (of_page(_page[0]) if _page[0] else _asked())


def _asked() -> str:
    chosen = os.environ.get(VARIABLE, "")
    if not chosen:
        from helpers.views import look

        chosen = look.current().language
    return chosen or SOURCE


def of_page(notebook_id: str) -> str:
    """The language that a notebook's page has when this process' language is asked for.

    English where the language does not have the notebook's findings: a page with German frames round English sentences
    would be in neither, and 1.234 beside 1,234 would be two numbers.

    Examples
    --------
    >>> with use("de"):
    ...     of_page("practitioner_kpis"), of_page("sustainability_emissions")
    ('de', 'en')
    """
    asked = _chosen.get() or _asked()
    return asked if asked == SOURCE or notebook_id in of(asked).notebooks else SOURCE


def settle(notebook_id: str) -> None:
    """This process makes the page of this notebook from here on; its lesson is in English (its prose is)."""
    _page[0] = LESSON if os.environ.get("FINOPS_MODE") == "lesson" else notebook_id


def languages() -> tuple[str, ...]:
    """Codes of the languages there are."""
    return tuple(sorted(p.stem for p in FOLDER.glob("*.yaml")))


@contextmanager
def use(code: str) -> Iterator[None]:
    """Say everything within in this language; nothing changes where `code` is empty.

    Raises
    ------
    UsageError
        No such language.
    """
    before = _chosen.set(checked(code) or _chosen.get())
    try:
        yield
    finally:
        _chosen.reset(before)


def choose(code: str) -> None:
    """The language of this process and of those it starts; nothing changes where `code` is empty."""
    if checked(code):
        os.environ[VARIABLE] = code


def checked(code: str) -> str:
    """The code, once there is such a language.

    Raises
    ------
    UsageError
    """
    if code and code not in languages():
        near = difflib.get_close_matches(code.casefold(), languages(), 1, 0.4)
        raise UsageError(
            f"no language {code[:40]!r}",
            f"one of {', '.join(languages())}",
            f"did you mean {near[0]}?" if near else "docs/look-and-language.md says how one is added",
        )
    return code


@cache
def of(code: str) -> Language:
    """A language file, read once.

    Raises
    ------
    UsageError
        No such language.
    ValueError
        The file breaks a rule.
    """
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    raw = yaml.load((FOLDER / f"{checked(code)}.yaml").read_text("utf-8"), Loader=loader)
    flat: dict[str, str | Mapping[str, str]] = {}
    for section, found in raw.items():
        if section not in NO_TEXTS:
            flat |= _flat(found, section)
    asks = {key: placeholders(text) for key, text in flat.items()}
    whole = frozenset(raw.get("notebooks") or ())
    return Language(code, flat, asks, raw.get("texts") or {}, raw.get("writing") or {}, whole)


def placeholders(text: str | Mapping[str, str]) -> set[str]:
    """Names in braces of a text, or of all forms of a plural, which is chosen by ``n``."""
    return (
        set(_PLACE.findall(text)) if isinstance(text, str) else {"n"}.union(*map(placeholders, text.values()))
    )


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    if len(parts) < 2:
        return "".join(parts)
    return say("words.and", first=", ".join(parts[:-1]), last=parts[-1])


def _flat(found: Any, key: str) -> dict[str, str | Mapping[str, str]]:
    if isinstance(found, str):
        return {key: found}
    if not isinstance(found, dict) or not found:
        raise ValueError(f"{key}: a text or a section, not {found!r}")
    if set(found) <= FORMS and "other" in found:
        return {key: found}
    flat: dict[str, str | Mapping[str, str]] = {}
    for name, value in found.items():
        flat |= _flat(value, f"{key}.{name}")
    return flat


def _form(forms: Mapping[str, str], n: object) -> str:
    """The plural's form for `n`; English and German tell one from all others, other languages have their own line here."""
    one = n == 1
    return forms["one"] if one and "one" in forms else forms["other"]


def _written(value: object) -> str:
    if isinstance(value, str | bool) or not isinstance(value, int | Decimal | date):
        return str(value)
    from helpers.views import look

    if isinstance(value, date):
        return look.signs().of_day(value)
    return look.signs().figures(f"{value:,}".replace("-", MINUS))
