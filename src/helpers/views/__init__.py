"""Results to people: theme, charts, tables, sentences, controls, pages."""
