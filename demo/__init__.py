"""An office at work against a running service: `python run.py demo`."""
