"""The rows of the operators' channels, and their aggregation by the second. Pure."""
