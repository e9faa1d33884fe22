"""Run the command as `python -m dossier_realtime_server`."""

import sys

from dossier_realtime_server import main

if __name__ == "__main__":
    sys.exit(main())
