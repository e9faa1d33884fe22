"""Documents in Redis: versions in the log of their channel, and what is kept of them beyond it."""
