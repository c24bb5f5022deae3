"""Files in, checked tables out: sources, versions, the store, allocation, companions, the sample company."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.data.charges import open_charges as open_charges


def __getattr__(name: str):
    if name == "open_charges":  # loaded when asked for: it brings Ibis and DuckDB
        from helpers.data.charges import open_charges

        return open_charges
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
