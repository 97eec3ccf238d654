"""Sweeps under Ray Tune: space, trials, log, results, plots."""
