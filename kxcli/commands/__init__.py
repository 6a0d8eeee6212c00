"""One thin file a command: options -> frozen parameters -> tasks and job -> rows."""
