"""Briefs as jobs: their states, their queue, the facts that they rest on, the checks of what a model wrote. Pure."""
