"""The web site of the operators: its server, the guard in front of it, logins, and the session of each open page."""
