"""The door: `python run.py [serve | dashboard | token | verify | demo]`; see `--help`."""

import sys

from app.commands.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
