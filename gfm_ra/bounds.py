"""Upper bounds of what any powers can reach, for any number of links."""

from gfm_ra.solvers.proofs.upper_bounds import bounds, upper

__all__ = ["bounds", "upper"]
