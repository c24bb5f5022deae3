"""Parameters, one report, a batch, the app server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.runs.session import begin as begin


def __getattr__(name: str):
    if name == "begin":  # loaded when asked for: a command that runs no notebook does not pay for it
        from helpers.runs.session import begin

        return begin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
