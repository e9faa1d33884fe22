"""The health of relationships: scores, the facts that they rest on, and their reasons."""
