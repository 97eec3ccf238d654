"""An unfolded WMMSE, a learned baseline of the literature: a few iterations whose weights small graph networks set."""
