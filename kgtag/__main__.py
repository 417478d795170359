"""`python -m kgtag`."""

from kgtag.cli import main

if __name__ == "__main__":
    main()
