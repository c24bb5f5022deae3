"""Secrets do not reach a screen, a log or a report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# a name that tells of a secret, `=` or `:`, then a value: in quotes up to their end, else up to a space, `&` or `;`
_NAMES = r"[\w-]*(?:secret|token|password|passwd|pwd|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|signature|credential)s?[\w-]*|sig"
_SHAPES = (
    (re.compile(rf"(?i)\b({_NAMES})(['\"]?\s*[=:]\s*)(['\"])(?:(?!\3).)+\3"), r"\1\2\3***\3"),
    (re.compile(rf"(?i)\b({_NAMES})(['\"]?\s*[=:]\s*)([^\s'\"&;,]+)"), r"\1\2***"),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}\b"), "***"),
    (re.compile(r"(?i)(://)[^/\s:@]+:[^/\s@]+@"), r"\1***@"),
    # a chat's webhook: its path is the secret
    (re.compile(r"(?i)(https://(?:[\w.-]+\.)?(?:hooks\.slack\.com|webhook\.office\.com|logic\.azure\.com|powerplatform\.com)(?::\d+)?/)[^\s'\"<>]+"), r"\1***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 ***"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), "***"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.S), "***"),
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


def clean(value: Any) -> Any:
    """Plain data with secrets masked in every text.

    Examples
    --------
    >>> clean({"why": ["token=abc123", 6]})
    {'why': ['token=***', 6]}
    """
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {k: clean(v) for k, v in value.items()}
    return [clean(v) for v in value] if isinstance(value, list | tuple) else value
