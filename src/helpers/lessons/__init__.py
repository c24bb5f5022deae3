"""Exercises, hints, checks, learner copies, workshop material."""

from helpers.lessons.exercises import exercise

__all__ = ["exercise"]
