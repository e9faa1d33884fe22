"""The facts that briefs rest on: their sources, and collecting them within the rights of the requester."""
