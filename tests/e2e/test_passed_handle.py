"""backend.socket = "pass" on Windows, where the listening socket is an inherited handle."""

from __future__ import annotations

import sys

import pytest

from tests.support.backends import ask, script_backend
from tests.support.client import SidecarClient
from tests.support.processes import kill, until

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="other systems have descriptors")
CODE = """
import http.server, os, socket
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, int(os.environ["LISTEN_HANDLE"]))
server.serve_forever()
"""


async def test_a_crash_and_a_restart_keep_the_socket() -> None:
    settings = {"backend.socket": "pass", "backend.notify": True, "restart.first_delay": 2.0}
    async with SidecarClient(script_backend(CODE), settings=settings, flags=["--profile", "generic"]) as client:
        ready = await client.call("backend:waitForReady")
        port = ready["port"]
        assert (await ask(port, "GET", "/"))[1] == ready["pid"]
        kill(ready["pid"])
        await client.state("BACKOFF")
        status, pid = await ask(port, "GET", "/")  # connected before there is a new run
        assert (status, pid != ready["pid"]) == (200, True)
        assert (await client.call("backend:restart"))["url"] == ready["url"]
        await client.call("backend:stop")
        with pytest.raises(OSError):  # noqa: PT011 - refused; its number differs
            await ask(port, "GET", "/")
        assert (await client.call("backend:start"))["port"] == port
        await until(lambda: "backend.notify has no effect here" in client.stderr_text)
