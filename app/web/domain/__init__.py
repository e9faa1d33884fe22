"""HTTP calls of the domain: events, documents, commitments, briefs."""
