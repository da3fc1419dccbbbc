"""``python -m sidecar`` and the console script: starts ``serve`` directly, anything else through the command-line library."""

import gc
import os
import sys

# Thousands of objects are created before the first answer, and all of them stay: collecting garbage among them takes
# 5 ms of the start. The composition root enables the collector again, and so does the guardian.
gc.disable()

from .argv import wants_serve  # noqa: E402
from .boot import serve  # noqa: E402


def main() -> int:
    """Runs the command; returns the exit status. ``serve`` does not return."""
    argv = sys.argv[1:]
    if os.environ.get("HOME") == "":
        del os.environ["HOME"]  # os.path.expanduser takes / for it, and the user's real folder if it is unset
    if getattr(sys, "frozen", False):
        from .frozen import shed_loader

        shed_loader()
    if sys.platform != "win32" and argv[:1] == ["--guardian"]:
        # A frozen sidecar replaces a killed guardian this way; see process/guardian.py.
        from .process.guardian import main as guard

        guard()
        return 0
    if sys.platform == "win32" and argv[:1] == ["--console-helper"]:
        # A frozen sidecar starts the process that sends CTRL_C this way; see process/windows/rungs.py.
        from .process.windows.console_helper import run

        run(*argv[1:])
    if wants_serve(argv):
        serve(argv)
    gc.enable()
    # Not the signal module, whose import takes 3 ms: until here, Ctrl+C shows a traceback.
    import _signal  # type: ignore[import-not-found]

    # During the imports, while the command's end is reported, and while the interpreter shuts down, there is nothing to stop.
    if _signal.getsignal(_signal.SIGINT) == _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    from .cli import main as run_command

    try:
        return run_command(argv)
    except KeyboardInterrupt:  # a second one while the first is reported
        return 130


if __name__ == "__main__":
    sys.exit(main())
