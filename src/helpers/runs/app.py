"""The served page and the lesson page: Voila on loopback, with the kit's own page template.

The page for a reader (`app`) has one route and no script: the server runs the notebook for the query string it has
checked, streams each result as it is ready, and ends the kernel. The lesson page (`lesson`) keeps its kernel for the
exercises' fields. Sources, tracebacks, the data's files and the notebook's folder are on neither.

References
----------
Voila 0.5.13, source as installed (read 2026-11-24). What stock Voila lets through was measured in
docs/decisions/0006-served-page.md.
"""

from __future__ import annotations

import html
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from helpers.catalog import notebooks
from helpers.data import layout
from helpers.runs import parameters
from helpers.terms.errors import KitError, UsageError
from helpers.terms.period import Month, parse_day
from helpers.terms.quick import skip_grammar
from helpers.views import words
from helpers.views.words import say

KEPT = ("data", "as_of")  # what only the server's own command may set
ASKED = ("provider", "month", "department", "currency")  # what a reader may put into the query string
LONGEST = 200
HERE = Path(__file__).parent


def prepare(
    notebook_id: str | Path, mode: str, folder: Path, parameters: dict[str, str] | None = None
) -> Path:
    """Write the notebook as `mode` reads it (see `helpers.catalog.notebooks.LEFT_OUT`) into `folder`.

    Returns
    -------
    Path
        The file written; it keeps its name.
    """
    import nbformat

    notebook = notebooks.find(notebook_id)
    target = folder / notebook.name
    nbformat.write(notebooks.read(notebook, mode, parameters), target)
    return target


def asked(query: str, offered: Sequence[str] = ASKED) -> dict[str, str]:
    """The parameters in a query string, checked for name, number, length and form.

    Parameters
    ----------
    query : str
    offered : sequence of str
        Names that a reader may ask for.

    Raises
    ------
    UsageError
        With a sentence for the reader.

    Examples
    --------
    >>> asked("month=2026-09&provider=")
    {'month': '2026-09'}
    """
    import difflib

    if len(query) > 10 * LONGEST:
        raise UsageError("a very long address", "the page's own choices", "start from the page without them")
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=20):
        if name not in offered:
            nearest = difflib.get_close_matches(name, offered, 1)
            hint = f"did you mean {nearest[0]}?" if nearest else "use the page's own choices"
            raise UsageError(f"the address asks for {name[:40]!r}", f"one of {', '.join(offered)}", hint)
        if name in found:
            raise UsageError(f"the address asks for {name} twice", "each once", "use the page's own choices")
        if len(value) > LONGEST or not value.isprintable():
            raise UsageError(
                f"the address gives {name} a text that no {name} has",
                "a plain name",
                "use the page's own choices",
            )
        found[name] = value
    if found.get("month"):
        Month.parse(found["month"])
    return {name: value for name, value in found.items() if value}


def serve(
    notebook_id: str | Path,
    *,
    data: Path,
    mode: str = "app",
    port: int = 8866,
    as_of: str = "",
    open_browser: bool = False,
    title: str = "",
) -> None:
    """Serve a notebook as a page on 127.0.0.1 until interrupted.

    Parameters
    ----------
    notebook_id : str or Path
    data : Path
        The store. Its files are read by the kernel and served to nobody.
    mode : str
        ``app`` or ``lesson``.
    port : int
        The next free one from here on is taken and printed.
    as_of : str
        Day ``YYYY-MM-DD`` that the page takes as its today; empty for that of the newest delivery.
    open_browser : bool
    title : str
        Of the page while it is computed.

    Raises
    ------
    UsageError
        If the day or the mode is none.
    Refused
        If there is no store.
    """
    if mode not in ("app", "lesson"):
        raise UsageError(f"mode {mode!r}", "app or lesson", "finops serve, or finops lesson --page")
    if as_of:
        parse_day(as_of)
    if not Path(data).is_dir():
        layout.need(data)
    skip_grammar()
    os.environ["FINOPS_MODE"] = mode
    if mode == "lesson":
        words.settle(str(notebook_id))
    with tempfile.TemporaryDirectory(prefix="finops-page-") as folder:
        fixed = {"data": str(Path(data).resolve())} | ({"as_of": as_of} if as_of else {})
        page = prepare(notebook_id, mode, Path(folder), fixed)
        from helpers.runs.server import Server

        offered = [name for name in parameters.declared(page) if name not in KEPT]
        config = _config(mode, title or words.term(notebooks.title(page)), offered)
        server = Server(config=config, notebook_path=str(page))
        server.port, server.open_browser = port, open_browser
        server.initialize([])
        server.start()


def _config(mode: str, title: str, offered: Sequence[str]) -> Any:
    from traitlets.config import Config

    from helpers.views import theme

    return Config(
        {
            "VoilaConfiguration": {
                "template": "lab",  # its static files; our pages/index.html.j2 stands before its template
                "allow_template_override": "NO",
                "allow_theme_override": "NO",
                "strip_sources": True,
                "show_tracebacks": True,  # kept for the page template, which shows a KitError's sentence only
                "file_allowlist": [],
                "resources": {
                    "kit": {"css": theme.css(), "title": title, "mode": mode, "offered": list(offered)}
                    | framed(title)
                },
                "prelaunch_hook": inject_asked,
                "multi_kernel_manager_class": "helpers.runs.server.Kernels",
                "extension_allowlist": [
                    "@jupyter-widgets/jupyterlab-manager",
                    "@voila-dashboards/widgets-manager8",
                ],
            },
            "VoilaExporter": {
                "filters": {
                    "kit_piece": "helpers.runs.app.piece",
                    "kit_prose": "helpers.runs.app.prose",
                }
            },
            "Voila": {"ip": "127.0.0.1", "mathjax_url": ""},
            "VoilaExecutor": {"timeout": 120},
            "KernelSpecManager": {
                "kernel_dirs": []
            },  # the Python that serves, whatever kernels the machine names
            "KernelManager": {"transport_encryption": "required"},
            "MappingKernelManager": {
                "cull_idle_timeout": 600 if mode == "lesson" else 60,
                "cull_interval": 30,
                "cull_connected": False,
            },
        }
    )


def framed(title: str) -> dict[str, str]:
    """The texts of the page's frame in its language, as the template has them."""
    return {
        "lang": words.language(),
        "skip": say("page.skip"),
        "reading": say("page.reading", title=title),
    }


def inject_asked(handler: Any, notebook: Any, cwd: str) -> Any:
    """Voila's hook before a notebook is run: what the reader asked for becomes its parameters."""
    notebooks.inject(notebook, handler.asked)
    return notebook


def piece(output: dict[str, Any]) -> str:
    """One output as the page shows it: choices as a form, an error as a sentence, all else as `views.page` has it.

    Of a cell that stopped a reader sees a `KitError`'s own words, of anything else only that it did.

    Examples
    --------
    >>> "secret" in piece({"output_type": "error", "ename": "KeyError", "evalue": "'/srv/secret'"})
    False
    """
    from helpers.views import controls, page

    if output["output_type"] == "error":
        known = output["ename"] in _family(KitError)
        return stopped(output["evalue"] if known else say("error.stopped"))
    asked_for = output.get("data", {}).get(controls.CHOICES)
    return controls.form(**asked_for) if asked_for else page.piece(output)


def prose(cell: Any) -> str:
    """A cell of text as the page shows it."""
    from helpers.views import page

    return "".join(page.parts(cell))


def _family(kind: type) -> set[str]:
    return {kind.__name__}.union(*(_family(child) for child in kind.__subclasses__()))


def stopped(why: str) -> str:
    """The end of a page that cannot go on, as HTML."""
    return (
        f'<div class="kit-message kit-stopped" role="alert"><p>{html.escape(why)}</p><p><a href="./">{html.escape(say("error.again"))}</a></p></div>'
        "<style>.kit-loading{display:none}</style>"
    )


def refusal(kit: dict[str, str], refused: Exception) -> str:
    """A page with one sentence, for an address that asks for what there is not."""
    return (
        f'<!doctype html><html lang="{words.language()}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-'
        f'width,initial-scale=1"><title>{html.escape(kit["title"])}</title><link rel="icon" href="data:,">'
        f'<style>{kit["css"]}</style></head><body class="kit-body"><main class="kit-page" id="content">'
        f"<h1>{html.escape(say('error.title'))}</h1>{stopped(str(refused))}</main></body></html>"
    )
