"""The packed sidecar's entry point; PyInstaller runs a script, not a package."""

import sys

try:
    from sidecar.__main__ import main

    status = main()
except ImportError as error:
    from sidecar.frozen import damage

    sys.stderr.write(f"sidecar: {damage() or f'internal error: {error}'}\n")
    status = 70
sys.exit(status)
