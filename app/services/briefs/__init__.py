"""Briefs: requests, the queue, generators behind one port, external workers, cancellation, the finished text."""
