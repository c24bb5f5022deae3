"""The served pages and the lesson page: Voila on loopback, with the kit's own page template.

The pages for readers (`app`) are made by workers that share nothing with a viewer but what the page shows, and are kept
(`helpers.runs.site`, `pool`, `snapshots`); a small script of ours asks for other choices, and without it the choices
are a form. The lesson page (`lesson`) keeps its kernel for the exercises' fields. Sources, tracebacks, the data's files
and the notebook's folder are on neither.

References
----------
Voila 0.5.13, source as installed (read 2026-11-24). What stock Voila lets through was measured in
docs/decisions/0006-served-page.md; how pages are made since: docs/decisions/0010-served-pages.md.
"""

from __future__ import annotations

import html
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from helpers.catalog import notebooks
from helpers.data import layout
from helpers.runs import parameters
from helpers.runs.rights import LOCAL as LOCAL
from helpers.terms.errors import KitError, Refused, UsageError
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
    notebook_id: str | Path | None = None,
    *,
    data: Path,
    mode: str = "app",
    port: int = 8866,
    as_of: str = "",
    open_browser: bool = False,
    title: str = "",
    workers: int = 0,
    ahead: bool = True,
    cache: Path | None = None,
    ip: str = "127.0.0.1",
    access: Path | None = None,
    audit: Path | None = None,
) -> None:
    """Serve pages until interrupted, on 127.0.0.1 where nothing else is said.

    Parameters
    ----------
    notebook_id : str, Path or None
        One notebook; None for the portal and all of them.
    data : Path
        The store. Its files are read by workers and served to nobody.
    mode : str
        ``app`` or ``lesson``.
    port : int
    as_of : str
        Day ``YYYY-MM-DD`` that the pages take as their today; empty for that of the newest delivery.
    open_browser : bool
    title : str
        Of the lesson page while it is computed.
    workers : int
        Most processes that make pages at a time; 0 for as many as the machine has cores, from 2 to 4.
    ahead : bool
        Make pages while nobody waits: the default ones, and those one choice away.
    cache : Path, optional
        Where pages that were made are kept; None for the user's own folder for caches.
    ip : str
        Address to listen on; one that others reach needs `access`.
    access : Path, optional
        How people come in and who may see what (`identity.read`).
    audit : Path, optional
        Who saw what is written there (`audit.Audit`).

    Raises
    ------
    UsageError
        If the day or the mode is none, or nobody would be asked who they are at an address that others reach.
    Refused
        If there is no store, or the port is taken.
    """
    if mode not in ("app", "lesson"):
        raise UsageError(f"mode {mode!r}", "app or lesson", "finops serve, or finops lesson --page")
    if mode == "lesson" and notebook_id is None:
        raise UsageError("no notebook", "one, for a lesson", "finops lesson NOTEBOOK --page")
    if as_of:
        parse_day(as_of)
    ways = _ways(ip, access)
    if not Path(data).is_dir():
        layout.need(data)
    free(port, ip)
    skip_grammar()
    os.umask(
        0o077
    )  # of this process and all that it starts: what they write or spill is nobody else's to read
    os.environ["FINOPS_MODE"] = mode
    if mode == "lesson":
        words.settle(str(notebook_id))
    with tempfile.TemporaryDirectory(prefix="finops-page-") as folder:
        if mode == "lesson":
            assert notebook_id is not None
            fixed = {"data": str(Path(data).resolve())} | ({"as_of": as_of} if as_of else {})
            page = prepare(notebook_id, mode, Path(folder), fixed)
            offered = [name for name in parameters.declared(page) if name not in KEPT]
            site, said = None, title or words.term(notebooks.title(page))
        else:
            site = _site(notebook_id, Path(data), as_of, workers, ahead, cache, Path(folder))
            page, offered, said = Path(folder) / "none.ipynb", [], ""
            page.write_text("{}", "ascii")  # Voila wants to be given one; no route of ours leads to it
        from helpers.runs.server import Server

        config = _config(mode, said, offered)
        config.VoilaConfiguration["resources"]["kit"]["page"] = Path(page).stem
        _through(config, ways, ip, port)
        server = Server(config=config, notebook_path=str(page))
        server.site = site
        server.doors = _doors(ways, Path(data), audit, cache, Path(folder))
        if site is not None:
            site.stores = server.doors.store_for
        server.port, server.open_browser = port, open_browser
        server.initialize([])
        server.start()


def _ways(ip: str, access: Path | None) -> Any:
    """How people come in; an address that others reach needs a way to know them."""
    from helpers.runs import identity

    ways = identity.read(access) if access else identity.ALONE
    identity.check(ip, ways)
    return ways


def _through(config: Any, ways: Any, ip: str, port: int) -> None:
    """Lay the way in over the server's own configuration."""
    from traitlets.config import Config

    from helpers.runs import identity

    config.merge(Config(identity.config(ways, port)))
    config.Voila.ip = ip


def _doors(ways: Any, data: Path, audit: Path | None, cache: Path | None, scratch: Path) -> Any:
    """What the server knows about its visitors; stores of fewer rights are kept beside the pages that were made."""
    from helpers.runs import guard, snapshots
    from helpers.runs.audit import Audit

    pages = snapshots.Snapshots(cache or snapshots.default_folder()).folder
    return guard.Doors(
        store=data.resolve(),
        folder=(pages or scratch) / "stores",
        rights=ways.rights,
        audit=Audit(Path(audit).resolve()) if audit else None,
        hosts=ways.hosts,
        secure=ways.secure,
    )


def _site(
    notebook_id: str | Path | None,
    data: Path,
    as_of: str,
    workers: int,
    ahead: bool,
    cache: Path | None,
    scratch: Path,
) -> Any:
    """The portal and its pages; what was made is kept in `cache`, else in `scratch`, which goes with the server."""
    from helpers.runs import site, snapshots
    from helpers.runs.pool import Pool

    tell = _log()
    pages, single = site.pages_of(notebook_id)
    kept = snapshots.Snapshots(cache or snapshots.default_folder())
    if kept.folder is None:
        kept = snapshots.Snapshots(scratch / "pages")
    pool = Pool(pages, kept, size=workers, tell=tell)
    return site.Site(
        pages, data, as_of=as_of, snapshots=kept, pool=pool, single=single, ahead=ahead, tell=tell
    )


def _log() -> Callable[[str], None]:
    """Lines for the server's log, on stderr with the day and time."""
    import logging

    log = logging.getLogger("finops.serve")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
    return log.info


def free(port: int, ip: str = "127.0.0.1") -> None:
    """Refuse a port that somebody listens on.

    Raises
    ------
    Refused
    """
    import errno
    import socket

    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError as problem:
            if problem.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            taken = problem.errno == errno.EADDRINUSE
            raise Refused(
                f"port {port} is {'taken by another program' if taken else 'not yours to use'}",
                "a port that is free",
                f"--port {port + 1}, or end the other one; it may be another finops serve",
            ) from problem


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
            "Voila": {"ip": "127.0.0.1", "mathjax_url": "", "port_retries": 0},
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
    notebooks.inject(notebook, handler.given)
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


def refusal(kit: dict[str, str], refused: Exception | str) -> str:
    """A page with one sentence, for an address that asks for what there is not."""
    return (
        f'<!doctype html><html lang="{words.language()}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-'
        f'width,initial-scale=1"><title>{html.escape(kit["title"])}</title><link rel="icon" href="data:,">'
        f'<style>{kit["css"]}</style></head><body class="kit-body"><main class="kit-page" id="content">'
        f"<h1>{html.escape(say('error.title'))}</h1>{stopped(str(refused))}</main></body></html>"
    )
