"""Decisions on the facts that events state of alerts and briefs, shared by all backends. Pure."""
