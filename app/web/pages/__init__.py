"""The pages that the service serves to browsers outside production: `/` and the room of guests."""
