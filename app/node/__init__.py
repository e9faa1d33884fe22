"""One process of the service: it executes the effects of sessions' decisions and delivers publications."""
