"""Bytes in and out of one socket: frames, queues, timers, and the budget of a turn of the loop."""
