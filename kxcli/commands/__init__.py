"""The subcommands: options, their rules, and a session that runs a pipeline."""
