"""HTTP calls of administrators and operators."""
