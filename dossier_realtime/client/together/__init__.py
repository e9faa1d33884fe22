"""Working on one text with others: locks on fields, quiet edits."""
