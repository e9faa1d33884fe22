"""The ways to write a brief, behind one port."""
