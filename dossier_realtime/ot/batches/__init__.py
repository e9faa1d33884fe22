"""Many changes of one text at once: composed in n log n, and made one by one without copying the text. Pure."""
