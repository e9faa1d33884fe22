"""What knows the domain: publishing, presence, operations."""
