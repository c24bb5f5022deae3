"""Exercises, hints, checks, learner copies, workshop material."""
