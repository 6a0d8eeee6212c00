"""Entity linking from inputs to output: knowledge bases, models, links, evaluation."""
