"""Documents, beside the editing of their text."""
