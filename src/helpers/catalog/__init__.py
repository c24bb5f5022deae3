"""What exists: KPIs, playbooks, notebooks, responsibilities, and their checks."""
