"""One module per stage: a component wired to Ray, MLflow and files."""
