"""Results to people: theme, charts, tables, sentences, controls, pages."""

from helpers.views import charts, sentences, tables
from helpers.views.blocks import (
    beside,
    decisions,
    definitions,
    findings,
    headline,
    masthead,
    reconciliation,
    tiles,
)

__all__ = [
    "beside",
    "charts",
    "decisions",
    "definitions",
    "findings",
    "headline",
    "masthead",
    "reconciliation",
    "sentences",
    "tables",
    "tiles",
]
