"""Ray: the session, sharded tasks, distributed training, and progress reports from workers."""
