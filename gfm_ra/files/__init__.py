"""Gains and powers in the files that people have, and matrices as table columns."""
