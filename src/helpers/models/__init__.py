"""Estimators: each with its benchmark against a baseline and a published method."""
