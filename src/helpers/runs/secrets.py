"""Secrets do not reach a screen, a log or a report."""

from __future__ import annotations

import re

_SHAPES = (
    (re.compile(r"(?i)\b((?:secret|token|password|passwd|pwd|api[_-]?key|access[_-]?key|sig|signature|credential)[\w-]*)(\s*[=:]\s*|['\"]\s*:\s*['\"])([^\s'\"&,;]+)"), r"\1\2***"),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}\b"), "***"),
    (re.compile(r"(?i)(://)[^/\s:@]+:[^/\s@]+@"), r"\1***@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 ***"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), "***"),
)  # fmt: skip


def masked(text: str) -> str:
    """`text` with what looks like a secret replaced by ``***``.

    Examples
    --------
    >>> masked("https://me:hunter2@host/x?token=abc123&month=2026-09")
    'https://***@host/x?token=***&month=2026-09'
    """
    for shape, by in _SHAPES:
        text = shape.sub(by, text)
    return text
