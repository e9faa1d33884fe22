"""One process of the service: it carries out what sessions decide and delivers what channels publish."""
