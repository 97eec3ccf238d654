"""Answers to sparse networks: the pass along the listed gains, refined and compared at a cost that grows with them."""
