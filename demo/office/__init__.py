"""The office at its domain: commitments, briefs, relationships, tasks and inboxes."""
