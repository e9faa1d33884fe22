"""Health, readiness, metrics, schemas and security.txt."""
