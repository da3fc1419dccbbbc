from __future__ import annotations

import pytest

from sidecar.core.bind_failure import any_bind_failure, bind_failure

PORT = 5005

IN_USE = {
    "Kestrel on Linux": "Unhandled exception. System.IO.IOException: Failed to bind to address http://127.0.0.1:5005: address already in use.",
    "Kestrel on Windows": " ---> System.Net.Sockets.SocketException (10048): Only one usage of each socket address (protocol/network address/port) is normally permitted.",
    "Kestrel on a German Windows": " ---> System.Net.Sockets.SocketException (10048): Normalerweise darf jede Socketadresse nur jeweils einmal verwendet werden.",
    ".NET on macOS": "System.Net.Sockets.SocketException (48): Address already in use",
    "Node": "Error: listen EADDRINUSE: address already in use 127.0.0.1:5005\n    at Server.setupListenHandle [as _listen2] (node:net:1463:16)",
    "a server that writes in colours": "\x1b[31mPort \x1b[1m5005\x1b[22m is in use\x1b[39m",
    "Node, any address": "Error: listen EADDRINUSE: address already in use :::5005",
    "Python": "OSError: [Errno 98] Address already in use",
    "Python in German": "OSError: [Errno 98] Die Adresse wird bereits verwendet",
    "Python on Windows in Chinese": "OSError: [WinError 10048] 通常每个套接字地址(协议/网络地址/端口)只允许使用一次。",
    "uvicorn": "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 5005): address already in use",
    "asyncio on Windows": "[Errno 10048] error while attempting to bind on address ('127.0.0.1', 5005): only one usage of each socket address",
    "Flask": "Address already in use\nPort 5005 is in use by another program. Either identify and stop that program, or start the server with a different port.",
    "Go": "listen tcp 127.0.0.1:5005: bind: address already in use",
    "Go on Windows": "listen tcp 127.0.0.1:5005: bind: Only one usage of each socket address (protocol/network address/port) is normally permitted.",
    "Go on a Chinese Windows": "listen tcp 127.0.0.1:5005: bind: 通常每个套接字地址(协议/网络地址/端口)只允许使用一次。",
    "Java": "java.net.BindException: Address already in use (Bind failed)",
    "Java on Windows": "Caused by: java.net.BindException: Address already in use: bind",
    "Spring Boot": "Web server failed to start. Port 5005 was already in use.",
    "Rust": 'Error: Os { code: 98, kind: AddrInUse, message: "Address already in use" }',
    "Rust on Windows": "Nur eine Verwendung jeder Socketadresse ist zulässig. (os error 10048)",
    "nginx": "bind() to 127.0.0.1:5005 failed (98: Address already in use)",
    "Ruby": "Address already in use - bind(2) for 127.0.0.1:5005 (Errno::EADDRINUSE)",
    "HttpListener": "Failed to listen on prefix 'http://127.0.0.1:5005/' because it conflicts with an existing registration on the machine.",
    "Vite": "Error: Port 5005 is already in use",
    "react-scripts": "Something is already running on port 5005.",
    "Jetty": "java.io.IOException: Failed to bind to /0.0.0.0:5005",
    "Java in German": "java.net.BindException: Die Adresse wird bereits verwendet (Bind failed)",
    "Tomcat": "The Tomcat connector configured to listen on port 5005 failed to start. The port may already be in use or the connector may be misconfigured.",
    "Gunicorn": "[ERROR] Connection in use: ('127.0.0.1', 5005)",
    "Gradio": "OSError: Cannot find empty port in range: 5005-5005. You can specify a different port",
    "llama.cpp": "main: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 5005",
    "ComfyUI": "ERROR: port 5005 is already being used by another process",
    "an app of one's own": "Unable to listen on port 5005",
    "another": "Port 5005 is busy",
    "Tinyproxy": "tinyproxy: Could not create listening sockets.",
    "Zig": "error: AddressInUse\n/usr/lib/zig/std/net.zig:1:1: 0x1 in listen (srv)",
}

FORBIDDEN = {
    "Kestrel, port reserved by Windows": "System.Net.Sockets.SocketException (10013): An attempt was made to access a socket in a way forbidden by its access permissions.",
    "Kestrel, with what it tried before why": "System.IO.IOException: Failed to bind to address http://127.0.0.1:5005.\n ---> System.Net.Sockets.SocketException (10013): An attempt was made to access a socket in a way forbidden by its access permissions.",
    "Kestrel in German": "System.Net.Sockets.SocketException (10013): Der Zugriff auf einen Socket war aufgrund der Zugriffsrechte des Sockets unzulässig.",
    ".NET on Linux": "System.Net.Sockets.SocketException (13): Permission denied",
    "Node": "Error: listen EACCES: permission denied 127.0.0.1:5005",
    "Python": "  File \"server.py\", line 3, in <module>\n    server.bind(('127.0.0.1', 5005))\nPermissionError: [Errno 13] Permission denied",
    "Python in German": "    self.socket.bind(self.server_address)\nPermissionError: [Errno 13] Keine Berechtigung",
    "Python on Windows": "PermissionError: [WinError 10013] An attempt was made to access a socket in a way forbidden by its access permissions",
    "mosquitto": "1: Opening ipv4 listen socket on port 5005.\n1: If you are trying to bind to a privileged port (<1024), try using setcap:\n1:     sudo setcap 'CAP_NET_BIND_SERVICE=+ep /usr/sbin/mosquitto'\n1: Error: Permission denied",
    "uvicorn": "[Errno 13] error while attempting to bind on address ('127.0.0.1', 5005): permission denied",
    "Go": "listen tcp 127.0.0.1:5005: bind: permission denied",
    "Go on Windows": "listen tcp 127.0.0.1:5005: bind: An attempt was made to access a socket in a way forbidden by its access permissions.",
    "Java": "java.net.BindException: Permission denied (Bind failed)",
    "Rust on Windows": "… (os error 10013)",
    "HttpListener": "System.Net.HttpListenerException (5): Access is denied.",
}

NEITHER = {
    "nothing": "",
    "a file": "Error: EACCES: permission denied, open '/data/app.db'",
    "a file in Python": "PermissionError: [Errno 13] Permission denied: '/data/app.db'",
    "a file after a line about listening": "Now listening on: http://127.0.0.1:5005\nError: EACCES: permission denied, mkdir '/data'",
    "a file in Go": "open /data/app.db: permission denied",
    "a database": "SqliteException: the database is already in use",
    "a name": "Username already in use",
    "a server that has started": "Server listening on port 5005\nExample app running on port 5005\nport 5005 is free",
    "an address that the machine lacks": "listen tcp 10.9.9.9:5005: bind: cannot assign requested address",
    "a parameter of a query": "Could not bind parameter 12",
    "a property": "Failed to bind properties under 'server.port' to 50",
    "a subscription": "Unable to listen to topic 42 on broker",
    "a refused connect": "connect ECONNREFUSED 127.0.0.1:5005",
    "another port": "Error: listen EADDRINUSE: address already in use 127.0.0.1:9229",
    "another port in Python": "[Errno 98] error while attempting to bind on address ('127.0.0.1', 9229): address already in use",
    "another port by name": "Port 9229 is already in use",
    "a longer port that begins like ours": "Port 50051 is already in use",
    "a port that is the number of the error": "Now listening on: http://127.0.0.1:10048",
    "the port of a debugger, without which Node goes on": "Starting inspector on 127.0.0.1:5005 failed: address already in use",
    "an exit code": "process exited with code 98",
}


@pytest.mark.parametrize("text", IN_USE.values(), ids=IN_USE.keys())
def test_an_occupied_port_is_recognised(text: str) -> None:
    assert bind_failure(f"info: starting\n{text}\n   at Main()\n".encode(), PORT) == "in_use"


@pytest.mark.parametrize("text", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_a_forbidden_port_is_recognised(text: str) -> None:
    assert bind_failure(f"info: starting\n{text}\r\n   at Main()\n".encode(), PORT) == "forbidden"


@pytest.mark.parametrize("text", NEITHER.values(), ids=NEITHER.keys())
def test_other_misfortunes_are_not_taken_for_it(text: str) -> None:
    assert bind_failure(text.encode(), PORT) is None


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("Error: That port is already in use.", None),
        ("2026-11-27 11:28:37.308 Port 8777 is not available", 8777),
        ("Address localhost:8000 is not available", 8000),
        ("EROR connection/connection_setup_sockets Could not create listener socket on port 8000", 8000),
    ],
    ids=["Django", "Streamlit", "Chroma", "Icecast"],
)
def test_servers_that_have_their_own_words_are_understood(text: str, port: int | None) -> None:
    assert any_bind_failure(text) == ("in_use", port)


def test_our_port_is_recognised_after_anothers() -> None:
    output = (
        b"listen tcp 127.0.0.1:9229: bind: address already in use\nlisten tcp 127.0.0.1:5005: bind: permission denied\n"
    )
    assert bind_failure(output, PORT) == "forbidden"


def test_output_that_is_not_text_is_still_searched() -> None:
    assert bind_failure(b"\xff\xfe\x00" * 100_000 + b"\nEADDRINUSE\n\xc3", PORT) == "in_use"


def test_a_line_without_end_does_not_make_the_search_endless() -> None:
    assert bind_failure(b"port " * 200_000 + b"bind '" * 1000, PORT) is None
