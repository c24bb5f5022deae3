"""HTML that is safe: the one place where text from data becomes markup, and what every shown object is."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LONGEST_NAME = 80
SENTENCE = 36  # characters from which a cell holds a sentence, which no phone may squeeze to a word a line
SHORT = 12  # characters up to which a cell stays on one line: a date, a person
NARROW = 4  # columns up to which a table may fit a phone if its cells break
# Controls, lone surrogates and direction marks: they break files, or let a name rewrite the number beside it.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
GLUE = re.compile(r"(?<=\d) (?=(?:%|[A-Z]{3}\b))")  # a number and its unit stay on one line


def plain(value: object, longest: int = LONGEST_NAME) -> str:
    """Text from data as one clean line: no control or direction characters, no line ends, no more than `longest`.

    Examples
    --------
    >>> plain("team\\nA\\u202e\\x00")
    'team A\ufffd\ufffd'
    >>> plain(None)
    'no name'
    """
    text = _no_name() if value is None or value != value else str(value)
    text = " ".join(_UNSEEN.sub("\ufffd", text[: 4 * longest]).split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _no_name() -> str:
    from helpers.views.words import say

    return say("words.no_name")


def safe(value: object, longest: int = 2000) -> str:
    """Text as HTML: the only helper that turns text from data into markup.

    Numbers keep their unit on the same line.

    Examples
    --------
    >>> safe('<b title="x">6 %')
    '&lt;b title=&quot;x&quot;&gt;6&nbsp;%'
    """
    return GLUE.sub("&nbsp;", html.escape(plain(value, longest), quote=True))


@dataclass(frozen=True)
class Shown:
    """Something to show: safe HTML, and the same as text where nothing can be drawn.

    Examples
    --------
    >>> Shown("<p>6 %</p>", "6 %")._repr_mimebundle_()["text/plain"]
    '6 %'
    """

    html: str
    text: str

    def half(self) -> Shown:
        """The same for half the page's width."""
        return self

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}


def block(kind: str, body: str) -> str:
    """Body (safe HTML) as one block of the page."""
    return f'<div class="kit-block kit-{kind}">{body}</div>'


def titled(title: str, subtitle: str) -> str:
    """Heading and the line below it, from text."""
    below = f'<p class="kit-sub">{safe(subtitle)}</p>' if subtitle else ""
    return f"<h2>{safe(title)}</h2>{below}"


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    caption: str,
    left: Sequence[int] = (0,),
    odd: Sequence[int] = (),
    last_is_total: bool = False,
    quiet_caption: bool = True,
) -> str:
    """A table from text: the first column names its row, all but the columns in `left` are right-aligned numbers.

    Parameters
    ----------
    head, rows : sequences of str
    caption : str
        What the table holds, for readers who do not see the heading above it.
    left : sequence of int
        Columns of words.
    odd : sequence of int
        Rows to mark; a word says it too, because colour alone does not.
    last_is_total : bool
    quiet_caption : bool
        Only read aloud.
    """

    def cell(row: int, column: int, value: str) -> str:
        words = ' class="kit-long"' if len(value) > SENTENCE else ""
        if " " in value and len(value) <= SHORT and len(head) > NARROW:
            words = ' class="kit-short"'
        kind = words if column in left else ' class="kit-r"'
        if column:
            return f"<td{kind}>{safe(value)}</td>"
        return f'<th scope="row"{kind}>{safe(value)}</th>'

    def line(i: int, row: Sequence[str]) -> str:
        kind = "kit-odd" if i in odd else "kit-sum" if last_is_total and i == len(rows) - 1 else ""
        cells = "".join(cell(i, j, value) for j, value in enumerate(row))
        return f'<tr class="{kind}">{cells}</tr>' if kind else f"<tr>{cells}</tr>"

    heads = "".join(
        f'<th scope="col"{"" if j in left else " class=" + chr(34) + "kit-r" + chr(34)}>{safe(h)}</th>'
        for j, h in enumerate(head)
    )
    body = "".join(line(i, row) for i, row in enumerate(rows))
    return (
        f'<div class="kit-scroll" role="group" tabindex="0" aria-label="{safe(caption)}"><table class="kit-table"><caption class="{"kit-aloud" if quiet_caption else "kit-sub"}">'
        f"{safe(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def titled_table(
    title: str,
    below: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: Sequence[int],
    total: bool = False,
) -> Shown:
    """A finding, the line below it and its table, as a block of the page; without rows only the words."""
    body = titled(title, below)
    if rows:
        body += table(head, rows, caption=f"{title}. {below}", left=left, last_is_total=total)
    return Shown(block("listing", body), f"{title}\n{below}\n{text_table(head, rows)}")


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same as text, columns aligned."""
    lines = [[plain(c, 40) for c in row] for row in [list(head), *rows]]
    widths = [max(len(row[j]) for row in lines) for j in range(len(head))]
    return "\n".join(
        "  ".join(
            c.ljust(w) if j == 0 else c.rjust(w) for j, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in lines
    )
