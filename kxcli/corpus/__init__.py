"""What goes in: arguments become sources, sources become tasks, tasks are read as documents."""

SHARD_SIZE = 1 << 20  # bytes: some 50 ms of counting, so that workers end together, and a task costs little
