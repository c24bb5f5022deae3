"""Parameters, one report, a batch, the app server."""
