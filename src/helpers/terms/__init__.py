"""Names only: FOCUS columns and our ``x_Kit`` ones, units, money, periods, errors. Imports nothing else of the kit."""
