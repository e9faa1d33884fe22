"""The live state that nodes share: presence, sessions, revocations, settings, budgets, and the nodes themselves.

Each part keeps facts in Redis by small scripts and what a node must know without waiting in its memory.
"""
