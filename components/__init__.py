"""How the model is made: data in, data out; no cluster, no tracker, no pipeline."""

import os

# Read when onnxruntime is imported, which otherwise notes a device's identity and events in the home folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
