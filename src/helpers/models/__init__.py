"""Estimators: forecast, rightsizing, schedules, unit cost, emissions; each with its benchmark."""
