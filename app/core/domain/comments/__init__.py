"""Comments and suggestions on documents."""
