"""All versions of documents: who wrote them and when, their texts, their differences, and their names."""
