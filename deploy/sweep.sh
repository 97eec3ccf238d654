#!/bin/bash
# The full sweep on the cluster that this machine is the head of, in the clone that all nodes see.
# Run by `ray submit`, by the RayJob, or by hand; killed and run again, it keeps the finished trials.
set -euo pipefail
cd "${GFM_RA:-/shared/gfm-ra}"
export RAY_ADDRESS="${RAY_ADDRESS:-auto}" PYTHONPATH="$PWD" DVC_NO_ANALYTICS=1
[ -z "${PROFILE:-}" ] || python -m dags.profile "$PROFILE" dags/sweep
exec dvc repro dags/sweep/dvc.yaml
