"""Keywords of documents: TF-IDF and TextRank."""
