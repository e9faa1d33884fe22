"""The journal of a node: an append-only record that is written beside the loop and never delays it."""
