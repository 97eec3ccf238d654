"""An unfolded WMMSE: a few iterations whose weights a small graph network sets, a learned baseline of the literature."""
