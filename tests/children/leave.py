"""Exits as requested: leave.py code N | signal N | core."""

import os
import resource
import signal
import sys

how = sys.argv[1]
if how == "code":
    os._exit(int(sys.argv[2]))
if how == "core":
    resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    os.abort()
resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
if int(sys.argv[2]) != signal.SIGKILL:
    signal.signal(int(sys.argv[2]), signal.SIG_DFL)
os.kill(os.getpid(), int(sys.argv[2]))
signal.pause()
