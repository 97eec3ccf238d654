"""Snapshots on their way to a network: shards on disk, batches, and sampling that stores nothing."""
