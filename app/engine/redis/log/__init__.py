"""The log in Redis: commits in one lane a node, history, and what nodes deliver of it."""
