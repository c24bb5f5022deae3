"""Groups of verbs of the command line, each read only when it is called, and what all verbs share."""
