"""PCGNN, the message-passing network that the paper compares with."""

NEVER = -1e9  # below every message: no message at all, once it is rectified
