#!/bin/bash
# The full sweep on the cluster that this machine is the head of, in a working copy of the repository that all nodes see.
# Run by `ray exec`, by the RayJob, or by hand; killed and run again, it keeps the finished trials.
set -euo pipefail
source="$(dirname "$(dirname "$(realpath "$0")")")"
home="${GFM_RA:-/shared/gfm-ra}"
if [ ! -e "$home" ]; then # the first time: the repository that this script lies in, complete or not at all
    cp -r "$source" "$home.new.$$"
    mv -T "$home.new.$$" "$home"
fi
cd "$home"
export RAY_ADDRESS="${RAY_ADDRESS:-auto}" PYTHONPATH="$PWD" DVC_NO_ANALYTICS=1
[ -z "${PROFILE:-}" ] || python -m dags.profile "$PROFILE" dags/sweep
exec dvc repro dags/sweep/dvc.yaml
