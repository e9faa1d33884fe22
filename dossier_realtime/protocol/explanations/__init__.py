"""Explanations of decisions about rights, in English and Arabic, and of the forms of fields. Pure."""
