"""What every stage is made of: the stage contract, paths, errors, progress, provenance, runs.

Nothing here changes the bytes of an output.
"""
