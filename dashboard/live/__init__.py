"""The connection to a running service: messages, lists, the journal, and the actions of operators."""
