"""The variables that servers read their address from, set by profile ``generic``, and the options for other servers.

A server that is not listed, or reads no variable, may choose its port: ``port = "auto"`` accepts it.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from .model import Settings


def _pair(port: str, host: str) -> dict[str, str]:
    return {port: "{port}", host: "{host}"}


# fmt: off
SERVERS: tuple[tuple[str, dict[str, str], str], ...] = (
    # Server; variable → value; source.
    ("Express, Koa and other Node servers, Next, Nuxt, Bun, Rails and Puma, Phoenix, gin, Dash, `fastapi run`", _pair("PORT", "HOST"), "https://12factor.net/port-binding"),
    ("ASP.NET Core", {"ASPNETCORE_URLS": "http://{host}:{port}"}, "https://learn.microsoft.com/aspnet/core/fundamentals/servers/kestrel/endpoints"),
    ("Uvicorn", _pair("UVICORN_PORT", "UVICORN_HOST"), "https://www.uvicorn.org/settings/"),
    ("Gunicorn", {"GUNICORN_CMD_ARGS": "--bind={host}:{port}"}, "https://docs.gunicorn.org/en/stable/settings.html"),
    ("`flask run`", _pair("FLASK_RUN_PORT", "FLASK_RUN_HOST"), "https://flask.palletsprojects.com/en/stable/cli/#setting-command-options"),
    ("`quart run`", _pair("QUART_RUN_PORT", "QUART_RUN_HOST"), "https://github.com/pallets/quart/blob/main/src/quart/cli.py"),
    ("Granian", _pair("GRANIAN_PORT", "GRANIAN_HOST"), "https://github.com/emmett-framework/granian#options"),
    ("Litestar", _pair("LITESTAR_PORT", "LITESTAR_HOST"), "https://docs.litestar.dev/latest/usage/cli.html"),
    ("Gradio", _pair("GRADIO_SERVER_PORT", "GRADIO_SERVER_NAME"), "https://www.gradio.app/guides/environment-variables"),
    ("Streamlit", {"STREAMLIT_SERVER_PORT": "{port}", "STREAMLIT_SERVER_ADDRESS": "{host}", "STREAMLIT_SERVER_HEADLESS": "true"}, "https://docs.streamlit.io/develop/api-reference/configuration/config.toml"),
    ("Jupyter Server", {"JUPYTER_PORT": "{port}"}, "https://github.com/jupyter-server/jupyter_server/blob/main/jupyter_server/serverapp.py"),
    ("Chainlit", _pair("CHAINLIT_PORT", "CHAINLIT_HOST"), "https://docs.chainlit.io/backend/command-line"),
    ("MLflow", _pair("MLFLOW_PORT", "MLFLOW_HOST"), "https://mlflow.org/docs/latest/cli.html"),
    ("Spring Boot, `artisan serve` of Laravel", _pair("SERVER_PORT", "SERVER_ADDRESS"), "https://docs.spring.io/spring-boot/appendix/application-properties/index.html"),
    ("Quarkus", _pair("QUARKUS_HTTP_PORT", "QUARKUS_HTTP_HOST"), "https://quarkus.io/guides/all-config"),
    ("Micronaut", _pair("MICRONAUT_SERVER_PORT", "MICRONAUT_SERVER_HOST"), "https://docs.micronaut.io/latest/guide/#runningSpecificPort"),
    ("Rails", {"BINDING": "{host}"}, "https://github.com/rails/rails/pull/32540"),
    ("Rocket", _pair("ROCKET_PORT", "ROCKET_ADDRESS"), "https://rocket.rs/guide/v0.5/configuration/"),
    ("Nitro, Nuxt", _pair("NITRO_PORT", "NITRO_HOST"), "https://nitro.build/deploy/runtimes/node"),
    ("`fastify start`", _pair("FASTIFY_PORT", "FASTIFY_ADDRESS"), "https://github.com/fastify/fastify-cli#options"),
    ("Mojolicious", {"MOJO_LISTEN": "http://{host}:{port}"}, "https://docs.mojolicious.org/Mojo/Server/Daemon#listen"),
    ("Deno, except `deno serve`", {"DENO_SERVE_ADDRESS": "tcp:{host}:{port}"}, "https://docs.deno.com/runtime/reference/env_variables/"),
    ("llama.cpp", _pair("LLAMA_ARG_PORT", "LLAMA_ARG_HOST"), "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"),
    # Clients of a running Ollama read it too, and as the backend would then connect to themselves.
    ("Ollama", {"OLLAMA_HOST": "{host}:{port}"}, "https://docs.ollama.com/faq"),
    # Vite and others listen on localhost, which Node may resolve to [::1] only.
    ("Node, for servers on `localhost`", {"NODE_OPTIONS": "--dns-result-order=ipv4first"}, "https://nodejs.org/api/cli.html#--dns-result-orderorder"),
)
# fmt: on
ONLY_FOR = {
    "OLLAMA_HOST": ("ollama",),
    "NODE_OPTIONS": (
        *("node", "npm", "npx", "pnpm", "yarn", "concurrently", "nodemon", "tsx", "ts-node"),
        *("vite", "astro", "next", "nuxt", "nuxi", "remix", "svelte-kit", "ng", "nest"),
        *("http-server", "json-server"),
    ),
}
"""Variables that other programs also read → the commands for which they are set."""

NOT_WITH = {"DENO_SERVE_ADDRESS": "serve"}
"""A variable → a word of the command that gives it another meaning: `deno serve` may use the network only on its own port."""

APPENDED = frozenset({"GUNICORN_CMD_ARGS", "NODE_OPTIONS"})
"""Options appended to those already in the variable; the last one counts."""

_SCRIPTS = (".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".rb", ".php", ".pl")
_BOTH = "--host {host} --port {port}"
ARGUMENTS = {
    "http.server": "{port} --bind {host}",
    "runserver": "{host}:{port}",
    **dict.fromkeys(("vite", "ng", "astro", "react-router", "vite:dev"), "--port {port} --host {host}"),
    "pocketbase": "--http {host}:{port}",
    "next": "--port {port} --hostname {host}",
    **dict.fromkeys(("hypercorn", "gunicorn"), "--bind {host}:{port}"),
    **dict.fromkeys(("daphne", "jwebserver"), "-b {host} -p {port}"),
    "artisan": _BOTH,
    "waitress-serve": "--listen={host}:{port}",
    "php": "-S {host}:{port}",
    "puma": "-b tcp://{host}:{port}",
    **dict.fromkeys(("file-server", "unicorn"), "--listen {host}:{port}"),  # of caddy; "caddy run" takes none
    **dict.fromkeys(("sanic", "rackup", "json-server", "uvicorn", "flask"), _BOTH),
    "npm": "-- --port {port}",
    **dict.fromkeys(("pnpm", "yarn", "eleventy"), "--port {port}"),
    "dotnet": "--urls http://{host}:{port}",
    "morbo": "--listen http://{host}:{port}",
    "mkdocs": "--dev-addr {host}:{port}",
    **dict.fromkeys(("thin", "bokeh", "panel"), "--address {host} --port {port}"),
    **dict.fromkeys(("hugo", "redis-server"), "--bind {host} --port {port}"),
    "postgres": "-h {host} -p {port}",
    **dict.fromkeys(("plackup", "starman", "datasette", "webpack", "rspack", "parcel", "vitepress", "prism"), _BOTH),
    **dict.fromkeys(("mlflow", "chroma", "shiny", "litellm", "chainlit", "marimo", "wsgidav", "live-server"), _BOTH),
    "jupyter": "--port {port} --ip {host}",
    "radicale": "--server-hosts {host}:{port}",
    "pypi-server": "--host {host} --port {port}",
    "serve": "--listen tcp://{host}:{port}",
    "reflex": "--frontend-port {port}",
    "twistd": "--listen=tcp:{port}:interface={host}",
}
"""A word of the command → the arguments that set that server's address; the first match counts."""


def server_variables(command: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Variables and their values, with ``{host}`` and ``{port}``, for a backend with this command."""
    names = _names(command)
    for _, variables, _ in SERVERS:
        for name, value in variables.items():
            if (name not in ONLY_FOR or not names.isdisjoint(ONLY_FOR[name])) and NOT_WITH.get(name) not in names:
                yield name, value


def port_in_command(command: Sequence[str], among: Collection[int] = range(1, 65_536)) -> int | None:
    """The last port number in the command: ``8000``, ``--port=8000``, ``localhost:8000``."""
    import re

    found = (re.search(r"(?:^|[:=])(\d{2,5})/?$", word) for word in reversed(command[1:]))
    return next((port for match in found if match and (port := int(match[1])) in among), None)


def unfilled(command: Sequence[str], env: Mapping[str, str] | None = None) -> Iterator[tuple[str, str, str]]:
    """Yields each word that looks like ``{host}`` or ``{port}`` but is passed on unchanged, a sentence about it, and what to write instead."""
    for name, text in (*(("backend.command", word) for word in command), *(env or {}).items()):
        for piece in text.split("{")[1:]:
            word, brace, _ = piece.partition("}")
            meant = word.strip().lower()
            if brace and word not in {"host", "port"} and meant in {"host", "port"}:
                yield f"{{{word}}}", f"{{{word}}} in {name} is passed on unchanged", f"{{{meant}}}"
    for variable in ("$PORT", "%PORT%"):
        if any(word.endswith(variable) and len(word.split()) == 1 for word in command):  # not a shell script
            why = f"{variable} in backend.command is passed on unchanged, because no shell reads it"
            yield variable, why, "{port}"


def how_to_pass_port(settings: Settings, taken: Collection[int] = ()) -> str:
    """The remedy for a server that ignores its port; ``taken``: the ports it listens on instead."""
    from .profiles import PROFILES

    command = settings.backend.command
    for word, _, meant in unfilled(command):
        if meant == "{port}":
            return f"write {{port}} instead of {word} in its command"
    if (written := port_in_command(command, taken)) is not None:
        return f"write {{port}} instead of {written} in its command"
    if (written := port_in_command(["", *settings.backend.env.values()], taken)) is not None:
        return f"write {{port}} instead of {written} in backend.env"
    if arguments := _arguments(command):
        return f"append {arguments} to its command"
    code = ", or make it read the variable PORT" if PROFILES[settings.profile].any_server else ""
    return f"use {{port}} in backend.command or backend.env{code}"


def how_to_listen_on_loopback(command: Sequence[str]) -> str:
    """The remedy for a server that listens beyond 127.0.0.1; empty if unknown."""
    arguments = _arguments(command)
    return f"append {arguments} to its command" if "{host}" in arguments else ""


def _arguments(command: Sequence[str]) -> str:
    names = _names(command)
    if "serve" in names and not _is_program("serve", command):
        names.remove("serve")  # a command of deno, artisan, pocketbase and others
    return next((text for name, text in ARGUMENTS.items() if name in names), "")


def _is_program(name: str, command: Sequence[str]) -> bool:
    """Whether the word names a program, not a subcommand: it is the first word, a path, or follows npx or a similar launcher."""
    words = [word for word in command if not word.startswith("-")]
    before = {"", "npx", "bunx", "dlx", "exec"}
    return any(
        name in _names([word]) and (word != name or last in before)
        for last, word in zip(["", *words], words, strict=False)
    )


def _names(command: Sequence[str]) -> set[str]:
    """The command's words without folder, with and without extension. The user's own scripts keep theirs: ng.py is not Angular's ng."""
    paths = [word.replace("\\", "/").rpartition("/") for word in command]
    stems = (
        name.partition(".") for folder, _, name in paths if "node_modules" in folder or not name.endswith(_SCRIPTS)
    )
    return {name for *_, name in paths} | {stem.lower() for stem, *_ in stems}
