"""The state that all pages show: a pure fold of messages, lists and journal entries."""
