"""The pages of what people have to do: all tasks that a viewer may know, and the viewer's own inbox. Pure."""
