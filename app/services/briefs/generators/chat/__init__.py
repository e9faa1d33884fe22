"""Briefs by a language model behind any OpenAI-compatible endpoint (`POST /chat/completions`, streamed)."""
