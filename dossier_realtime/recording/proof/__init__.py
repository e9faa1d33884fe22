"""Proof that a journal is whole and unchanged: the chain, its keys and checkpoints. Pure."""
