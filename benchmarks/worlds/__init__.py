"""Worlds of many kinds: which network to train, and how good an allocator is in worlds that it does not know."""
