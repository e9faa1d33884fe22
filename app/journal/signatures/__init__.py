"""The signing key of a journal, its rotation, and signed checkpoints."""
