"""The silence of programs that write briefs: since when they can be heard, and the end of their briefs."""
