"""Records in Redis, and the alerts and briefs that are kept as records of internal kinds."""
