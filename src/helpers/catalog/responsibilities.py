"""What each persona is responsible for: 11 personas, 52 entries, served by playbooks."""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml


@cache
def responsibilities() -> dict[str, dict[str, str]]:
    """Persona -> id of a responsibility -> what it is, in words.

    Examples
    --------
    >>> sorted(responsibilities()["practitioner"])[0]
    'cost_strategy'
    """
    with resources.files("helpers.catalog").joinpath("responsibilities.yaml").open(encoding="utf-8") as file:
        return yaml.safe_load(file)
