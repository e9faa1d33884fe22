"""The score of a relationship: its bands, the facts that it rests on, and its course over time. Pure."""
