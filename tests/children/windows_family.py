"""windows_family.py KIND FILE SCRIPT ARG…: starts a family, writes its pids to FILE, then continues as SCRIPT.

plain: a child · detached: a child without a console, in its own process group · pipe_holder: a grandchild that
keeps our output open while its parent is gone.
"""

import json
import os
import runpy
import subprocess
import sys

kind, file, script, *arguments = sys.argv[1:]
SLEEP = "import time; time.sleep(60)"
NOWHERE = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def python(code, **options):
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", code], **options)


if kind == "plain":
    pid = python(SLEEP, **NOWHERE).pid
elif kind == "detached":
    flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    pid = python(SLEEP, creationflags=flags, **NOWHERE).pid
else:
    holder = f"subprocess.Popen([sys.executable, '-I', '-S', '-c', {SLEEP!r}], stdin=subprocess.DEVNULL, stdout=2).pid"
    parent = python(f"import os, subprocess, sys; os.write(1, b'%d' % {holder})", stdout=subprocess.PIPE)
    pid = int(parent.stdout.read())
    parent.wait()

with open(f"{file}.new", "w") as new:  # noqa: PTH123 - a child loads as little as it can
    json.dump([os.getpid(), pid], new)
os.replace(f"{file}.new", file)  # noqa: PTH105 - as above

sys.argv = [script, *arguments]
sys.path.insert(0, os.path.dirname(script))  # noqa: PTH120 - as above
runpy.run_path(script, run_name="__main__")
