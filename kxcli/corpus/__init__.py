"""What goes in: arguments become sources, sources become tasks, tasks are read as documents."""
