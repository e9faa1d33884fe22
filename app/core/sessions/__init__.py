"""The session of one connection: rules, budgets, deadlines and effects."""
