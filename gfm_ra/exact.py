"""Exact answers: global optima with a proof, max-min fairness, and whether least rates can be met."""

from gfm_ra.solvers.proofs.certificate import Certificate
from gfm_ra.solvers.proofs.least_rates import Feasibility, feasible, max_min
from gfm_ra.solvers.proofs.optimum import optimum

__all__ = ["Certificate", "Feasibility", "feasible", "max_min", "optimum"]
