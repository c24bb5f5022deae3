"""Imports that cost seconds and give nothing here."""

from __future__ import annotations

import sys


def skip_grammar() -> None:
    """Keep ``rfc3987_syntax`` from compiling a grammar for 1.7 s while jsonschema is imported (nbformat, nbconvert).

    It only serves jsonschema's checks of the formats iri and iri-reference, which notebooks do not have; jsonschema
    takes its absence as "not checked". Call it before the first import of papermill, nbformat, nbconvert or voila.

    References
    ----------
    jsonschema 4.26, ``_format.py``: each optional checker stands under ``suppress(ImportError)`` (read 2026-11-24).

    Examples
    --------
    >>> skip_grammar()
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
