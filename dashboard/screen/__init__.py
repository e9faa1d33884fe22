"""The pages: one pane each, made of blocks for one viewer; the charts and the assets of the browser."""
