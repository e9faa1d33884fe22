"""The state that nodes share: history, presence, sessions, revocations, settings, rates.

`ports` is the interface of every backend.
"""
