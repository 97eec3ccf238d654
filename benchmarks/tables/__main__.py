"""`python -m benchmarks.tables` writes the made tables into docs/; `make readme` does so too, and a test compares."""

from benchmarks.tables import main

if __name__ == "__main__":
    main()
