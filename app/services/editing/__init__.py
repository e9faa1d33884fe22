"""Documents that many people edit, and the cursors in them."""
