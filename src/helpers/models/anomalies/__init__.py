"""Anomalies: of one measured series (`single`), of many daily series (`panel`), and of charges (`incidents`)."""
