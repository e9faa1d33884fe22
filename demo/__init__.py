"""A simulated office that works against a running service: `python run.py demo`."""
