"""Results to people: theme, charts, tables, sentences, controls, pages."""

from helpers.views import charts, look, sentences, tables, words
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
    "look",
    "masthead",
    "reconciliation",
    "sentences",
    "tables",
    "tiles",
    "words",
]
