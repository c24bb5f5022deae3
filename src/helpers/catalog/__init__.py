"""What exists: KPIs, playbooks, notebooks, responsibilities, and their checks."""

from helpers.catalog import kpis, notebooks, playbooks
from helpers.catalog.fitness import Fitness, computable
from helpers.catalog.playbooks import Action, Playbook, causes, playbook
from helpers.catalog.responsibilities import responsibilities
from helpers.catalog.results import KpiResult, compute, found

__all__ = [
    "Action",
    "Fitness",
    "KpiResult",
    "Playbook",
    "causes",
    "computable",
    "compute",
    "found",
    "kpis",
    "notebooks",
    "playbook",
    "playbooks",
    "responsibilities",
]
