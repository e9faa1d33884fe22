"""Exports of documents as files."""
