"""Bridges need numpy and the compiled core: none of the tools whose channels they read, and no extra."""

import subprocess
import sys

SCRIPT = """
import sys
for name in ("sionna", "torch", "tensorflow", "deepmimo", "DeepMIMOv3", "scipy", "h5py", "pyarrow", "matplotlib"):
    sys.modules[name] = None
import numpy as np
from gfm_ra import bridges
powers = {"transmit_power_dbm": 30.0, "noise_power_dbm": -90.0}
h = np.full((2, 1, 2, 1, 1, 1), 1e-6 + 0j)
h[[0, 1], :, [0, 1]] = 1e-4
assert bridges.network_from_sionna(h, **powers).links == 2
dataset = [{"user": {"channel": h[:, :, place, :, 0]}} for place in range(2)]
assert bridges.network_from_deepmimo(dataset, [0, 1], domain="time", **powers).links == 2
gains = h.transpose(4, 5, 3, 1, 0, 2)
assert bridges.network_from_toolbox(gains, path_loss_db=0.0, **powers).links == 2
loss = np.full((2, 1, 2), 1e10)
loss[[0, 1], :, [0, 1]] = 1e8
assert bridges.downlink_power_control(loss[[0, 1], :, [0, 1]], 1e-15, 1, pathloss_all=loss)[0].shape == (2, 1)
assert all(callable(getattr(bridges, name)) for name in dir(bridges))
"""


def test_bridges_need_no_other_package() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
