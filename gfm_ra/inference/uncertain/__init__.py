"""Gains that are not known exactly: what they may be, and powers by the mean utility over that."""
