"""What every HTTP listener and caller shares: the checks of a request's origin, and the forms of bodies. Pure."""
