"""A compiled knowledge base and its compiler."""
