"""The command line `gfm-ra`."""


def main() -> None:
    """Entry point of the script `gfm-ra`."""
    from gfm_ra.cli.main import run

    run()
