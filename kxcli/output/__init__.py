"""What comes out: rows as TSV, CSV, JSONL or a user dictionary; whole files; the closed pipe."""
