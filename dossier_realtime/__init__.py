"""The real-time contract of the dossier system in code, and the Python SDK that speaks it."""

__version__ = "0.1.0"
