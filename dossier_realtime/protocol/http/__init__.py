"""The parts that HTTP listeners and callers share: checks of Host and Origin, and the forms of bodies. Pure."""
