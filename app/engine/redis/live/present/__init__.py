"""Presence on channels over all nodes: records of users by compare-and-set, numbered changes, and views of nodes."""
