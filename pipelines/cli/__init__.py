"""The command line `gfm-ra`."""
