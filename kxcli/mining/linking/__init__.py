"""Names of a knowledge base found in texts, and which of its entries each one means."""
