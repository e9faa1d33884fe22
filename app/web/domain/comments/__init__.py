"""Comments on documents over HTTP."""
