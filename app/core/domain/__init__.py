"""Rules of documents, alerts and briefs."""
