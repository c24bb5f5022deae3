"""Decisions out, as files that other tools run: schedules, policies, purchase plans, statements."""

from helpers.actions.csvs import safe_cell, write_csv

__all__ = ["safe_cell", "write_csv"]
