"""The checks and answers that all HTTP handlers share."""
