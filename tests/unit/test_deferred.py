"""What is imported later: in interpreters of their own, for this one has imported it all."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.launch import ROOT

BEGIN = """
import sys
from sidecar.deferred import deferred
with deferred():
    import asyncio, msgspec, msgspec.inspect
rare = {"inspect", "ast", "tempfile", "linecache", "tokenize", "textwrap", "msgspec.inspect", "msgspec.toml", "asyncio.sslproto"}
assert not rare & sys.modules.keys(), rare & sys.modules.keys()
"""


def run(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_module_is_imported_when_it_is_used() -> None:
    run(
        "assert msgspec.inspect.type_info(int) == msgspec.inspect.IntType()\n"
        "assert asyncio.coroutines.inspect.isawaitable(asyncio.sleep(0)) is True\n"
        "assert rare & sys.modules.keys() >= {'inspect', 'ast', 'msgspec.inspect'}\n"
        "import inspect\n"
        "assert asyncio.coroutines.inspect.signature is inspect.signature\n"
    )


def test_other_code_imports_the_modules_themselves() -> None:
    run(
        "assert not {*rare, '_uuid', 'typing_extensions'} & sys.modules.keys()\n"
        "import inspect, textwrap, types, uuid\n"
        "assert type(inspect) is type(textwrap) is types.ModuleType\n"
        "assert uuid.uuid4().version == 4 and uuid.uuid1().version == 1\n"
    )


def test_a_traceback_is_shown_with_its_source() -> None:
    run(
        "import traceback\n"
        "from sidecar.argv import parse\n"
        "try: parse(['--set'])\n"
        "except Exception: text = traceback.format_exc()\n"
        "assert 'needs a value\", hint=' in text, text\n"
    )


@pytest.mark.posix(reason="Windows' loops have no signal handlers")
def test_a_signal_handler_needs_no_import_and_refuses_coroutine_functions_still() -> None:
    run(
        "async def wrong(): pass\n"
        "class Owner:\n"
        "    async def wrong(self): pass\n"
        "async def main():\n"
        "    loop = asyncio.get_running_loop()\n"
        "    loop.add_signal_handler(10, print)\n"
        "    loop.add_signal_handler(10, lambda: None)\n"
        "    for function in (wrong, Owner().wrong):\n"
        "        try: loop.add_signal_handler(10, function)\n"
        "        except TypeError: continue\n"
        "        raise AssertionError(function)\n"
        "asyncio.run(main())\n"
        "assert 'inspect' not in sys.modules\n"
    )
