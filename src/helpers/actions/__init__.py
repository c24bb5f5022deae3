"""Decisions out, as files that other tools and people carry out."""
