"""Where the model is made at scale: components wired to Ray, MLflow and DVC."""

import os
import sys
from pathlib import Path

from pipelines.runtime.caches import choose_cache

if sys.platform == "win32":
    raise SystemExit(
        "gfm-ra: Windows is not supported (file locks, process handles): use Linux, or Linux under WSL 2"
    )

# Ray, MLflow and onnxruntime read these when they are imported, so they are set before any module of this package does
# that. What the user has set stays.
_DEFAULTS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # The default health check makes every report of a training worker wait two seconds.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Tune prints tables of its own unless told to use its older, quieter reporter.
    "RAY_AIR_NEW_OUTPUT": "0",
    # A sweep's state is saved this often (seconds), so that a killed driver loses little.
    "TUNE_GLOBAL_CHECKPOINT_S": "1",
    # Tune would stop at Ctrl-C, return as if it had finished, and the truncated sweep would count as the result.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
for _name, _value in _DEFAULTS.items():
    os.environ.setdefault(_name, _value)
# A session of this machine's own listens on loopback only. The variable is Ray's, named after the systems on which that
# is the default; it must be set before Ray is imported, and would keep this machine from joining a cluster.
if not os.environ.get("RAY_ADDRESS"):
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
# A cluster started on a machine that has a token asks for it, but a driver that joins sends it only if told to.
if os.environ.get("RAY_ADDRESS") and Path(os.path.expanduser("~/.ray/auth_token")).is_file():
    os.environ.setdefault("RAY_AUTH_MODE", "token")
choose_cache()  # numba, too, reads its variable when it is imported
