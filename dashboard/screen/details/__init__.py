"""One thing in full, in a dialog over its page: an alert, a brief, a relationship. Pure functions from the answers.

The service is asked with the viewer's own token, so that it decides what is shown.
"""
