"""What MLflow's errors mean, and what lies where it keeps its database.

`pipelines/runtime/runs.py` works with both.
"""
