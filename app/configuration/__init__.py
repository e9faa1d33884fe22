"""The configuration: its shape, its sources, its checks and the limits that it sets."""
