"""How the model is made: data in, data out; no cluster, no tracker, no pipeline."""
