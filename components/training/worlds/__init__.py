"""Training of the unrolled network for any world: `python -m components.training.worlds`.

Networks, goals and what is hidden are drawn anew for every batch; no data set is stored.
"""
