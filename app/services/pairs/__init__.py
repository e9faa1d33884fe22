"""Documents that are translations of each other."""
