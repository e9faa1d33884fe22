"""Documents as readers see them: paragraphs with their direction, as HTML and Markdown. Pure."""
