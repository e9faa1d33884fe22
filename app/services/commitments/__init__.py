"""Commitments: their alerts, acknowledged by people, and the clock that raises them."""
