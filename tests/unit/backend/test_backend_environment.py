from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidecar.backend.environment import backend_environment, leave_appimage
from sidecar.settings.load import load
from sidecar.settings.model import Backend, Paths, Settings
from sidecar.settings.servers import how_to_pass_port

PATHS = Paths("/data", "/data/logs", "/data/temp")

linux_paths = pytest.mark.posix(reason="AppImages are for Linux")


@pytest.fixture
def image(tmp_path: Path) -> str:
    (tmp_path / "AppRun").touch()
    return str(tmp_path)


def environment(
    inherited: dict[str, str],
    *overrides: str,
    port: int = 5005,
    profile: str = "aura",
    platform: str = "linux",
) -> dict[str, str]:
    settings = load(environ={}, overrides=overrides, profile=profile).settings
    return backend_environment(settings, PATHS, port, inherited, platform=platform)


def test_aura_gets_its_address_under_all_three_names_and_its_folders() -> None:
    env = environment({})
    names = ("ASPNETCORE_URLS", "AURA_API_URL", "Kestrel__Endpoints__Http__Url")
    assert {env[name] for name in names} == {"http://127.0.0.1:5005"}
    folders = [env[f"AURA_{name}_PATH"] for name in ("DATA", "LOGS", "TEMP")]
    assert folders == ["/data", "/data/logs", "/data/temp"]
    production = ("DOTNET_ENVIRONMENT", "ASPNETCORE_DETAILEDERRORS", "LOGGING__LOGLEVEL__DEFAULT")
    assert [env[name] for name in production] == ["Production", "false", "Information"]
    assert "HOST" not in env


def test_aura_in_development_logs_more() -> None:
    env = environment({}, "app.mode=development")
    names = ("DOTNET_ENVIRONMENT", "ASPNETCORE_DETAILEDERRORS", "LOGGING__LOGLEVEL__DEFAULT")
    assert [env[name] for name in names] == ["Development", "true", "Debug"]


def test_a_backend_that_reports_its_port_gets_port_0() -> None:
    assert environment({}, "backend.port=reported", port=0)["ASPNETCORE_URLS"] == "http://127.0.0.1:0"


def test_a_generic_backend_gets_what_known_servers_read_whatever_was_inherited() -> None:
    env = environment({"PORT": "80", "HOST": "0.0.0.0", "UVICORN_PORT": "80"}, profile="generic")
    assert (env["HOST"], env["PORT"], env["UVICORN_PORT"]) == ("127.0.0.1", "5005", "5005")
    assert env["ASPNETCORE_URLS"] == "http://127.0.0.1:5005"
    assert not any("{" in value for value in env.values())
    assert not any(name.startswith("AURA_") for name in env)
    assert environment({}, "backend.env.PORT=80", profile="generic")["PORT"] == "80"


def test_options_are_added_to_those_that_a_variable_has() -> None:
    env = environment({"GUNICORN_CMD_ARGS": "--workers=3"}, profile="generic")
    assert env["GUNICORN_CMD_ARGS"] == "--workers=3 --bind=127.0.0.1:5005"
    assert environment({}, profile="generic")["GUNICORN_CMD_ARGS"] == "--bind=127.0.0.1:5005"
    own = environment(
        {"GUNICORN_CMD_ARGS": "--workers=3"}, "backend.env.GUNICORN_CMD_ARGS=--preload", profile="generic"
    )
    assert own["GUNICORN_CMD_ARGS"] == "--preload"


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        (["/usr/bin/ollama", "run"], {"OLLAMA_HOST", "DENO_SERVE_ADDRESS"}),
        (["C:\\Program Files\\nodejs\\npm.CMD", "start"], {"NODE_OPTIONS", "DENO_SERVE_ADDRESS"}),
        (["node_modules/.bin/vite"], {"NODE_OPTIONS", "DENO_SERVE_ADDRESS"}),
        (["deno", "run", "app.ts"], {"DENO_SERVE_ADDRESS"}),
        (["deno", "serve", "app.ts"], set()),
        (["python", "-m", "uvicorn", "app:app"], {"DENO_SERVE_ADDRESS"}),
    ],
)
def test_a_variable_that_others_also_read_is_set_only_for_its_server(command: list[str], variables: set[str]) -> None:
    inherited = {"NODE_OPTIONS": "", "OLLAMA_HOST": "10.0.0.1", "DENO_SERVE_ADDRESS": ""}
    env = environment(inherited, f"backend.command={json.dumps(command)}", profile="generic")
    assert {name for name, value in inherited.items() if env[name] != value} == variables


@pytest.mark.parametrize(
    ("command", "how"),
    [
        (["python", "-m", "http.server"], "append {port} --bind {host} to its command"),
        (["python", "manage.py", "runserver"], "append {host}:{port} to its command"),
        (["php", "-S", "localhost:8000"], "write {port} instead of 8000 in its command"),
        (["./my-server", "--port=8000"], "write {port} instead of 8000 in its command"),
        (["node", "server.js", "$PORT"], "write {port} instead of $PORT in its command"),
        (["./my-server", "9000"], "use {port} in backend.command or backend.env, or make it read the variable PORT"),
        (["python", "app/ng.py"], "use {port} in backend.command or backend.env, or make it read the variable PORT"),
        (["node", "node_modules/vite/bin/vite.js"], "append --port {port} --host {host} to its command"),
        (["serve", "."], "append --listen tcp://{host}:{port} to its command"),
        (["npx", "-y", "serve"], "append --listen tcp://{host}:{port} to its command"),
        (["node_modules/.bin/serve"], "append --listen tcp://{host}:{port} to its command"),
        (["./pocketbase", "serve"], "append --http {host}:{port} to its command"),
        (["npx", "react-router", "dev"], "append --port {port} --host {host} to its command"),
        (
            ["deno", "serve", "main.ts"],
            "use {port} in backend.command or backend.env, or make it read the variable PORT",
        ),
        (["caddy", "run"], "use {port} in backend.command or backend.env, or make it read the variable PORT"),
        (["caddy", "file-server"], "append --listen {host}:{port} to its command"),
        (["php", "artisan", "serve"], "append --host {host} --port {port} to its command"),
    ],
)
def test_it_is_known_how_servers_are_given_their_port(command: list[str], how: str) -> None:
    assert how_to_pass_port(Settings(backend=Backend(command=command)), [8000]) == how


def test_the_remedy_for_a_port_in_backend_env_is_to_replace_it_there() -> None:
    backend = Backend(command=["node", "server.js"], env={"PORT": "8000"})
    assert how_to_pass_port(Settings(backend=backend), [8000]) == "write {port} instead of 8000 in backend.env"
    backend = Backend(command=["./server/MyApp"])  # a profile that sets no PORT
    assert "PORT" not in how_to_pass_port(Settings(profile="aspnet", backend=backend))


def test_what_is_inherited_passes_through_dots_and_all() -> None:
    inherited = {
        "FFMPEG_PATH": "/f",
        "FFMPEG_BINARIES_PATH": "/f",
        "Logging__LogLevel__Microsoft.Hosting.Lifetime": "Warning",
    }
    assert environment(inherited).items() >= inherited.items()


def test_aura_gets_the_ffmpeg_that_the_app_ships_as_the_shell_did(tmp_path: Path) -> None:
    resources = f"app.resources={tmp_path}"
    names = ("FFMPEG_PATH", "AURA_FFMPEG_PATH", "FFMPEG_BINARIES_PATH")
    inherited = {"FFMPEG_PATH": "/mine"}
    assert [environment(inherited, resources).get(name) for name in names] == ["/mine", None, None]
    for platform, folder, program in (("linux", "linux-x64", "ffmpeg"), ("win32", "win-x64", "ffmpeg.exe")):
        place = tmp_path / "ffmpeg" / folder / "bin"
        place.mkdir(parents=True)
        (place / program).touch()
        env = environment(inherited, resources, platform=platform)
        assert [env[name] for name in names] == [str(place)] * 3
    assert "AURA_FFMPEG_PATH" not in environment({}, resources, profile="generic")
    assert environment({}, resources, "backend.env.FFMPEG_PATH=/chosen")["FFMPEG_PATH"] == "/chosen"


def test_the_users_variables_win_and_have_host_and_port_filled_in() -> None:
    env = environment(
        {"A": "1"}, "backend.env.A=2", "backend.env.URL=http://{host}:{port}/{id}", "backend.env.ASPNETCORE_URLS=x"
    )
    assert (env["A"], env["URL"], env["ASPNETCORE_URLS"]) == ("2", "http://127.0.0.1:5005/{id}", "x")


@pytest.mark.parametrize("overrides", [[], ["limits.env_deny=['X']"], ["limits.env_allow=['AURA_RESET', 'A']"]])
def test_aura_reset_deletes_user_data_and_is_never_inherited(overrides: list[str]) -> None:
    assert "AURA_RESET" not in environment({"AURA_RESET": "true", "A": "1"}, *overrides)
    assert "AURA_RESET" not in environment({"Aura_Reset": "true"}, *overrides, platform="win32")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "ELECTRON_RUN_AS_NODE",
            "ELECTRON_NO_ASAR",
            "SIDECAR_BACKEND__ENV",
            "SIDECAR_MARKER",
            "sidecar_backend__env__x",
        ),
        *("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"),
    ],
)
def test_what_is_meant_for_electron_the_app_and_the_sidecar_is_never_inherited(name: str) -> None:
    assert name not in environment({name: "1", "A": "1"})
    assert name not in environment({name.title(): "1"}, platform="win32")
    assert environment({name: "1"}, f"backend.env.{name}=2")[name] == "2"


def test_aura_reset_comes_only_from_backend_env() -> None:
    assert environment({}, "backend.env.AURA_RESET=true")["AURA_RESET"] == "true"


def test_the_deny_list_takes_away_and_the_allow_list_takes_away_the_rest() -> None:
    inherited = {"A": "1", "B": "2", "LC_ALL": "C", "LC_TIME": "C", "PATH": "/bin"}
    denied = environment(inherited, "limits.env_deny=['A', 'LC_*']")
    assert {name for name in inherited if name in denied} == {"B", "PATH"}
    allowed = environment(inherited, "limits.env_allow=['A', 'LC_*']", "limits.env_deny=['LC_TIME']")
    assert {name for name in inherited if name in allowed} == {"A", "LC_ALL"}
    assert "ASPNETCORE_URLS" in allowed


@pytest.mark.parametrize(
    ("inherited", "upper", "lower"),
    [
        ({}, "127.0.0.1", "127.0.0.1"),
        ({"NO_PROXY": "corp"}, "corp,127.0.0.1", "corp,127.0.0.1"),
        ({"no_proxy": "corp, .local"}, "corp,.local,127.0.0.1", "corp,.local,127.0.0.1"),
        ({"NO_PROXY": "a", "no_proxy": "b"}, "a,127.0.0.1", "b,127.0.0.1"),
        ({"NO_PROXY": "127.0.0.1"}, "127.0.0.1", "127.0.0.1"),
        ({"NO_PROXY": "*"}, "*", "*"),
    ],
)
def test_no_proxy_is_completed_and_keeps_what_is_there(inherited: dict[str, str], upper: str, lower: str) -> None:
    env = environment(inherited)
    assert (env["NO_PROXY"], env["no_proxy"]) == (upper, lower)


def test_on_windows_names_are_one_whatever_their_case() -> None:
    env = environment(
        {"Path": "C:\\x", "no_proxy": "corp", "aspnetcore_urls": "old"}, "backend.env.PATH=C:\\y", platform="win32"
    )
    assert env["Path"] == "C:\\y"
    assert env["no_proxy"] == "corp,127.0.0.1"
    assert env["aspnetcore_urls"] == "http://127.0.0.1:5005"
    assert len({name.upper() for name in env}) == len(env)


def test_on_windows_an_allow_list_leaves_what_sockets_need() -> None:
    env = environment({"SystemRoot": "C:\\Windows", "A": "1"}, "limits.env_allow=['B']", platform="win32")
    assert env["SystemRoot"] == "C:\\Windows"
    assert "A" not in env


def test_on_windows_the_block_is_in_the_order_that_the_system_relies_on() -> None:
    names = list(
        environment({"Zeta": "1", "alpha": "2", "_x": "3", "BETA": "4"}, "backend.env.mid=1", platform="win32")
    )
    assert names == sorted(names, key=str.upper)
    assert {"Zeta", "alpha", "_x", "BETA", "mid"} <= set(names)


@pytest.mark.parametrize(
    ("inherited", "override", "platform", "encoding"),
    [
        ({}, (), "win32", "utf-8"),
        ({"PythonIOEncoding": "cp932"}, (), "win32", "cp932"),
        ({}, ("backend.env.PYTHONIOENCODING=ascii",), "win32", "ascii"),
        ({}, (), "linux", None),
    ],
)
def test_python_on_windows_writes_utf8_to_the_pipe_unless_configured_otherwise(
    inherited: dict[str, str], override: tuple[str, ...], platform: str, encoding: str | None
) -> None:
    env = {name.upper(): value for name, value in environment(inherited, *override, platform=platform).items()}
    assert env.get("PYTHONIOENCODING") == encoding


def in_appimage(image: str) -> dict[str, str]:
    return {
        "APPDIR": f"{image}/",
        "ARGV0": "./App.AppImage",
        "PATH": f"{image}/usr/bin:/usr/bin",
        "LD_LIBRARY_PATH": f"{image}/usr/lib/:{image}/usr/lib/x86_64-linux-gnu::/opt/cuda/lib",
        "LD_PRELOAD": f"{image}/usr/lib/libssl.so",
        "XDG_DATA_DIRS": f"{image}/usr/share:/usr/share:{image}-other/share",
        "GSETTINGS_SCHEMA_DIR": f"{image}/usr/share/glib-2.0/schemas:",
        "MODELS": f"{image}/models",
    }


@linux_paths
def test_a_program_of_the_system_does_not_get_an_appimages_libraries(image: str) -> None:
    env = in_appimage(image)
    notes = leave_appimage(env, "/usr/bin/dotnet", ())
    assert env == {
        "APPDIR": f"{image}/",
        "PATH": f"{image}/usr/bin:/usr/bin",
        "LD_LIBRARY_PATH": "/opt/cuda/lib",
        "XDG_DATA_DIRS": f"/usr/share:{image}-other/share",
        "MODELS": f"{image}/models",
    }
    assert notes == (
        "/usr/bin/dotnet does not get the AppImage's LD_LIBRARY_PATH, LD_PRELOAD, XDG_DATA_DIRS, GSETTINGS_SCHEMA_DIR, ARGV0",
    )


@linux_paths
def test_a_program_in_the_appimage_and_what_the_settings_set_keep_them(image: str, tmp_path: Path) -> None:
    for program, given in ((f"{image}/resources/server", ()), ("/usr/bin/dotnet", in_appimage(image))):
        env = in_appimage(image)
        assert leave_appimage(env, program, given) == ()
        assert env == in_appimage(image)
    env = in_appimage(f"{image}/none")
    assert leave_appimage(env, "/usr/bin/dotnet", ()) == ()  # the variable alone may be somebody else's
    assert env == in_appimage(f"{image}/none")
