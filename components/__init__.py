"""The science of GFM-RA: data in, data out; no cluster, no tracker, no pipeline."""
