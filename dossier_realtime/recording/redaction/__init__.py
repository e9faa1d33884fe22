"""The part of a recording that a clearance allows. Pure."""
