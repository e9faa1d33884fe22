"""Explanations of decisions about rights, in English and Arabic. Pure."""
