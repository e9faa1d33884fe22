"""Parts of the service, built from the configuration for the composition root."""
