"""Words that are more frequent in one corpus than in another."""
