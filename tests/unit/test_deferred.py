"""Deferred imports, tested in separate interpreters, because this one has already imported everything."""

from __future__ import annotations

import sys

import pytest

from tests.support.launch import ROOT, run

BEGIN = """
import sys
before = {*sys.modules}
from sidecar.deferred import deferred
with deferred():
    import asyncio, msgspec, msgspec.inspect
rare = {
    "ast", "asyncio.sslproto", "asyncio.staggered", "concurrent.futures", "decimal", "inspect", "linecache", "logging",
    "msgspec.inspect", "msgspec.toml", "platform", "string", "tempfile", "textwrap", "tokenize", "traceback", "uuid",
}
if sys.platform != "win32": rare.add("subprocess")
if sys.version_info >= (3, 14): rare.remove("ast")  # msgspec reads annotations with annotationlib, which makes nodes at once
rare -= before  # Python 3.13 loads linecache for -c
assert not rare & sys.modules.keys(), rare & sys.modules.keys()
"""


def succeed(code: str) -> None:
    done = run([sys.executable, "-c", BEGIN + code], cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_a_module_is_imported_when_it_is_used() -> None:
    succeed(
        "assert msgspec.inspect.type_info(int) == msgspec.inspect.IntType()\n"
        "assert asyncio.coroutines.inspect.isawaitable(asyncio.sleep(0)) is True\n"
        "assert rare & sys.modules.keys() >= {'inspect', 'msgspec.inspect'}\n"
        "import inspect\n"
        "assert asyncio.coroutines.inspect.signature is inspect.signature\n"
    )


def test_other_code_imports_the_modules_themselves() -> None:
    succeed(
        "assert not {*rare, '_uuid', 'typing_extensions'} & sys.modules.keys()\n"
        "import datetime, inspect, textwrap, types, uuid\n"
        "assert type(inspect) is type(textwrap) is types.ModuleType\n"
        "assert datetime.__name__ == 'datetime'\n"
        "now = datetime.datetime.now(datetime.UTC)\n"
        "assert msgspec.msgpack.decode(msgspec.msgpack.encode(now)) == now\n"
        "assert uuid.uuid4().version == 4 and uuid.uuid1().version == 1\n"
    )


def test_a_traceback_is_shown_with_its_source() -> None:
    succeed(
        "import traceback\n"
        "from sidecar.argv import parse\n"
        "try: parse(['--set'])\n"
        "except Exception: text = traceback.format_exc()\n"
        "assert 'needs a value\", hint=' in text, text\n"
    )


def test_what_asyncio_rarely_does_works() -> None:
    succeed(
        "import io, threading, time\n"
        "async def main():\n"
        "    loop = asyncio.get_running_loop()\n"
        "    assert await asyncio.to_thread(lambda: 5) == 5\n"
        "    assert await loop.run_in_executor(None, threading.current_thread) is not threading.current_thread()\n"
        "    child = await asyncio.create_subprocess_exec(sys.executable, '-c', 'print(7)', stdout=asyncio.subprocess.PIPE)\n"
        "    assert (await child.communicate())[0].strip() == b'7'\n"
        "    done, _ = await asyncio.wait([loop.create_task(asyncio.sleep(0))], return_when=asyncio.FIRST_COMPLETED)\n"
        "    assert len(done) == 1\n"
        "    sys.stderr = io.StringIO()\n"
        "    loop.call_exception_handler({'message': 'something odd'})\n"
        "    assert 'something odd' in sys.stderr.getvalue()\n"
        "    loop.set_debug(True)\n"
        "    task = loop.create_task(asyncio.sleep(0))\n"
        "    assert task.get_stack() is not None and 'main' in str(task._source_traceback)\n"
        "    await task\n"
        "asyncio.run(main())\n"
        "from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED\n"
        "assert (FIRST_COMPLETED, ALL_COMPLETED) == (asyncio.FIRST_COMPLETED, asyncio.ALL_COMPLETED)\n"
        "assert FIRST_EXCEPTION == asyncio.FIRST_EXCEPTION\n"
        "import subprocess\n"
        "names = ('PIPE', 'STDOUT', 'DEVNULL')\n"
        "assert [getattr(subprocess, name) for name in names] == [getattr(asyncio.subprocess, name) for name in names]\n"
    )


@pytest.mark.posix(reason="Windows' loops have no signal handlers")
def test_a_signal_handler_needs_no_import_and_refuses_coroutine_functions_still() -> None:
    succeed(
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
