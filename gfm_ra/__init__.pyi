from gfm_ra import bounds as bounds
from gfm_ra import bridges as bridges
from gfm_ra import exact as exact
from gfm_ra import familiarity as familiarity
from gfm_ra import goals as goals
from gfm_ra import rates as rates
from gfm_ra import rules as rules
from gfm_ra import solvers as solvers
from gfm_ra import units as units
from gfm_ra.allocator import Allocator as Allocator
from gfm_ra.energy import EnergyEfficiency as EnergyEfficiency
from gfm_ra.errors import InputError as InputError
from gfm_ra.errors import UserError as UserError
from gfm_ra.gains.sparse_network import SparseNetwork as SparseNetwork
from gfm_ra.goals import AlphaFair as AlphaFair
from gfm_ra.goals import ProportionalFair as ProportionalFair
from gfm_ra.goals import QoS as QoS
from gfm_ra.goals import SumRate as SumRate
from gfm_ra.goals import Weighted as Weighted
from gfm_ra.inference.allocation import Allocation as Allocation
from gfm_ra.loading import load as load
from gfm_ra.network import Network as Network
from gfm_ra.network import network_from_channel as network_from_channel
from gfm_ra.rates import spectral_efficiency as spectral_efficiency
from gfm_ra.rules.hard_rules import Rules as Rules

__version__: str
