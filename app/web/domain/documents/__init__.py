"""Calls about one document beside its text: its files, its counterpart in another language."""
