"""`python -m api`: the command line with `serve`, as the script `kgtag` has it."""

from api.cli import main

if __name__ == "__main__":
    main()
