"""The capabilities of the domain and of operation, one module each; the node and the web call them."""
