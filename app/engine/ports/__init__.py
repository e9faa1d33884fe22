"""The interface of an engine. Each method says what it guarantees, what may be lost, and in which order.

Two backends are meant: `embedded` (one process, one SQLite file) and Redis (many nodes). The interface promises nothing
that one of them could not keep, and a node relies on nothing that is not written here.
"""
