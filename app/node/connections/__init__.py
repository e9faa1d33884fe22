"""The connections of a node: each one, all of them, and the bounds on them."""
