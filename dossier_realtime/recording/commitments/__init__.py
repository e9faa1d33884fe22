"""The deadlines of commitments: the calendar of an office, the moments of alerts, and a dry run over both. Pure."""
