"""Processes beside the service: the dashboard and the demo, started, fed and ended with it."""
