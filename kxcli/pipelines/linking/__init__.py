"""Entity linking: files of knowledge bases and models, links, evaluation."""
