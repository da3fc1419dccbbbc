"""with_family.py KIND SIZE COMMAND…: starts a family (see family.py) below itself, then becomes COMMAND."""

import os
import sys
from pathlib import Path

family = str(Path(__file__).with_name("family.py"))
if os.fork() == 0:
    os.execv(sys.executable, [sys.executable, "-I", "-S", family, *sys.argv[1:3]])
os.execv(sys.argv[3], sys.argv[3:])
