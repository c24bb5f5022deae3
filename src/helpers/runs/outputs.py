"""What a finished run leaves in its folder: page, results, actions, tables, the executed notebook, the manifest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from helpers.runs.session import RESULTS
from helpers.terms.errors import RunFailed

FILES = "files"  # folder of what carries the decisions out; absent where a notebook makes none


def results(notebook: Any) -> dict[str, Any]:
    """The results that the notebook handed out with `Run.finish`.

    Raises
    ------
    RunFailed
        If it handed out none.
    """
    found = [
        o["data"][RESULTS]
        for c in notebook["cells"]
        for o in c.get("outputs", [])
        if RESULTS in o.get("data", {})
    ]
    if not found:
        raise RunFailed(
            "the notebook ended without results",
            "a last cell that calls run.finish(…)",
            "add it; docs/add-a-notebook.md shows the pattern",
        )
    return found[-1]


def write(folder: Path, notebook: Any, title: str) -> dict[str, Any]:
    """Write the files of a finished run into an empty folder; the manifest is `write_manifest`'s.

    Returns
    -------
    dict
        The results.
    """
    import nbformat

    from helpers import actions
    from helpers.runs import sheets
    from helpers.views import page

    found = results(notebook)
    (folder / "results.json").write_text(results_text(found), "utf-8")
    actions.write_csv([_action(a) for a in found["actions"]], folder / "actions.csv")
    sheets.write_xlsx(folder / "tables.xlsx", shown(found))
    (folder / "index.html").write_text(page.render(notebook, title=title), "utf-8")
    nbformat.write(notebook, folder / "notebook.ipynb")
    for name, text in found.get("files", {}).items():
        _write_file(folder / FILES, name, text)
    return found


def shown(found: Mapping[str, Any]) -> dict[str, Any]:
    """The results with what was delivered instead of how the store lies on disk: equal inputs give equal files."""
    return {**found, "data": inputs(found["data"])}


def results_text(found: Mapping[str, Any]) -> str:
    """The text of ``results.json``."""
    kept = {k: v for k, v in shown(found).items() if k not in ("tables", "files")}
    return json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _write_file(folder: Path, name: str, text: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,60}(\.[a-z0-9]{1,10}){1,2}", name):
        raise RunFailed(
            f"a file named {name[:80]!r} among the results",
            "a plain name in lower case with an ending, such as schedules.yml",
            "rename it where the notebook calls run.finish(files=…)",
        )
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")


def inputs(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """What was delivered, not how the store lies on disk: a compaction or another order of deliveries changes nothing.

    The manifest has the whole snapshot.
    """
    if not snapshot:
        return {}

    def without_version(record: Mapping[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in record.items() if k != "version"}

    deliveries = sorted(snapshot["deliveries"], key=lambda d: (d["source"], d["delivered"], d["id"]))
    return {
        "as_of": snapshot["as_of"],
        "deliveries": [without_version(d) for d in deliveries],
        "companions": {name: without_version(c) for name, c in snapshot["companions"].items()},
    }


def _action(record: Mapping[str, Any]) -> Any:
    from helpers.catalog import Action

    fields = {k: v for k, v in record.items() if k in Action.__dataclass_fields__}
    value = None if fields["value"] is None else Decimal(fields["value"])
    return Action(**fields | {"value": value, "due": date.fromisoformat(fields["due"])})


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write ``manifest.json`` last: a folder with it is whole."""
    text = json.dumps({**manifest, "files": hashes(folder)}, indent=1, sort_keys=True, ensure_ascii=False)
    half = folder / ".manifest.part"
    half.write_text(text + "\n", "utf-8")
    half.replace(folder / "manifest.json")


def hashes(folder: Path) -> dict[str, dict[str, Any]]:
    """Each file of a report but its manifest: hash and size [bytes]."""
    return {
        p.relative_to(folder).as_posix(): {
            "sha256": hashlib.sha256(p.read_bytes()).hexdigest(),
            "bytes": p.stat().st_size,
        }
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "manifest.json" and not p.name.endswith(".part")
    }
