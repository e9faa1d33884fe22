"""What happened on this node, written beside the loop and never in its way."""
