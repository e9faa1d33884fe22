"""Languages and display options: translations, writing direction, formats, colours of charts."""
