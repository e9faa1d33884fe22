"""The HTTP calls about documents, beside their texts."""
