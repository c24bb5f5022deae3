"""A batch: a plan's reports from one warmed process, each whole or not there, none twice, with a ledger and a summary."""
