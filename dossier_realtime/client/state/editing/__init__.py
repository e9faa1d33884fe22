"""The pace and the status of documents that are edited. Pure."""
