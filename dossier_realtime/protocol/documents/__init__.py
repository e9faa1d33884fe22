"""Messages about documents, and the colours of cursors in them."""
