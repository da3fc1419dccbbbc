from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from sidecar.backend.command import BackendCommand, candidates, find_command, in_folder, sidecar_folder
from sidecar.backend.environment import fill
from sidecar.errors import BackendNotAFileError, BackendNotExecutableError, BackendNotFoundError
from sidecar.process.executability import not_on_path
from sidecar.settings.load import load
from sidecar.settings.model import Settings

SUFFIX = ".exe" if sys.platform == "win32" else ""
SHELL = '"cmd", "/c"' if sys.platform == "win32" else '"sh", "-c"'


def program(path: Path, *, mode: int = 0o755, content: bytes = b"#!/bin/sh\nexit 0\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def find(
    command: list[str] | None,
    folder: Path,
    *overrides: str,
    profile: str | None = None,
    path: Path | None = None,
    beside: Path | None = None,
) -> BackendCommand:
    profile = profile or ("generic" if command else "aura")
    settings = load(environ={}, command=command, overrides=overrides, profile=profile).settings
    environ = {"PATH": str(path or folder / "no-such-folder")}
    return find_command(settings, environ, beside=str(beside or folder / "sidecar"), working_directory=str(folder))


def settings_of(profile: str) -> Settings:
    return load(environ={}, profile=profile).settings


def test_a_users_command_is_only_made_absolute_and_runs_where_the_sidecar_was_started(tmp_path: Path) -> None:
    server = program(tmp_path / "bin" / f"server{SUFFIX}")
    for name in (str(server), f"bin/server{SUFFIX}"):
        found = find([name, "--port", "{port}", "{other}"], tmp_path)
        assert (found.argv, found.cwd) == ((str(server), "--port", "{port}", "{other}"), str(tmp_path))


def test_a_profile_may_run_the_backend_in_its_executables_folder(tmp_path: Path) -> None:
    server = program(tmp_path / "bin" / f"server{SUFFIX}")
    assert find([str(server)], tmp_path, profile="aura").cwd == str(server.parent)
    assert find([str(server)], tmp_path, f"backend.cwd={tmp_path}", profile="aura").cwd == str(tmp_path)
    assert find([f"server{SUFFIX}"], tmp_path, profile="aura", path=server.parent).cwd == str(tmp_path)


def test_a_program_that_lies_here_and_not_on_path_is_pointed_out(tmp_path: Path) -> None:
    program(tmp_path / "server")
    with pytest.raises(BackendNotFoundError) as caught:
        find(["server"], tmp_path)
    assert caught.value.hint == f"It is in {tmp_path}: write ./server."


def test_python3_has_another_name_on_windows() -> None:
    assert "Write python or py," in (not_on_path("python3.99", "C:\\nowhere", "win32").hint or "")
    assert "Write python" not in (not_on_path("python3.99", "/nowhere", "linux").hint or "")


def test_a_program_where_an_installer_put_it_and_not_on_path_is_pointed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app started from the desktop has a shorter PATH than a terminal."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for version in ("v20.1.0", "v22.0.0"):
        program(tmp_path / ".nvm" / "versions" / "node" / version / "bin" / "no-such-tool")
    newest = tmp_path / ".nvm" / "versions" / "node" / "v22.0.0" / "bin" / "no-such-tool"
    if sys.platform == "win32":
        newest = program(tmp_path / ".cargo" / "bin" / "no-such-tool.exe")
    with pytest.raises(BackendNotFoundError, match="not found on PATH, but it is installed: ") as caught:
        find(["no-such-tool"], tmp_path)
    assert str(newest).lower() in caught.value.message.lower()
    assert "does not have the PATH of a terminal" in (caught.value.hint or "")


def test_the_working_folder_is_part_of_the_sentence() -> None:
    assert in_folder("Nothing listens.", "/app") == "Nothing listens (working folder: /app)"


def test_what_cannot_be_started_names_the_working_folder(tmp_path: Path) -> None:
    with pytest.raises(BackendNotFoundError) as caught:
        find(["no-such-server"], tmp_path)
    assert caught.value.message.endswith(f"(working folder: {tmp_path})")
    with pytest.raises(BackendNotFoundError) as caught:
        find(["./no-such-server"], tmp_path)
    assert str(tmp_path) in caught.value.message


def test_a_relative_command_begins_at_the_working_directory(tmp_path: Path) -> None:
    server = program(tmp_path / "bin" / f"server{SUFFIX}")
    found = find([f"./bin/../bin/server{SUFFIX}"], tmp_path)
    assert found.argv == (str(server),)


def test_a_relative_command_is_also_searched_in_its_working_folder(tmp_path: Path) -> None:
    server = program(tmp_path / "app" / f"server{SUFFIX}")
    found = find([f"./server{SUFFIX}"], tmp_path, "backend.cwd=app")
    assert (found.argv, found.cwd) == ((str(server),), str(tmp_path / "app"))


def test_a_bare_name_is_looked_up_on_the_path_of_the_child_and_runs_in_the_working_directory(tmp_path: Path) -> None:
    server = program(tmp_path / "bin" / f"interpreter{SUFFIX}")
    found = find(["interpreter", "server.py"], tmp_path, path=server.parent)
    assert (found.argv, found.cwd) == ((str(server), "server.py"), str(tmp_path))


@pytest.mark.posix(reason="links without privilege")
def test_a_link_is_run_by_its_own_name_because_the_name_may_matter(tmp_path: Path) -> None:
    server = program(tmp_path / "real")
    link = tmp_path / "link"
    link.symlink_to(server)
    assert find([str(link)], tmp_path).argv == (str(link),)


def find_on_windows(name: str, folder: Path, *path: Path) -> str:
    """Searches as Windows would, on any system."""
    settings = load(environ={}, command=[name]).settings
    environ = {"Path": ";".join(map(str, path)), "PATHEXT": ".EXE;.CMD"}
    return find_command(settings, environ, working_directory=str(folder), platform="win32").argv[0]


def test_on_windows_a_posix_script_does_not_hide_the_command_next_to_it(tmp_path: Path) -> None:
    script = program(tmp_path / "bin" / "npm")
    command = program(tmp_path / "bin" / "npm.cmd")
    assert find_on_windows("npm", tmp_path, script.parent) == str(command)
    assert find_on_windows(str(script), tmp_path) == str(command)


def test_on_windows_a_script_for_posix_does_not_hide_a_program_later_on_the_path(tmp_path: Path) -> None:
    script = program(tmp_path / "first" / "tool")
    executable = program(tmp_path / "second" / "tool.exe")
    assert find_on_windows("tool", tmp_path, script.parent, executable.parent) == str(executable)


def test_on_windows_a_file_without_extension_is_the_last_resort(tmp_path: Path) -> None:
    script = program(tmp_path / "bin" / "tool")
    assert find_on_windows("tool", tmp_path, script.parent) == str(script)


def test_on_windows_a_name_with_an_extension_is_taken_as_it_is_first(tmp_path: Path) -> None:
    exact = program(tmp_path / "bin" / "tool.exe")
    program(tmp_path / "bin" / "tool.exe.cmd")
    assert find_on_windows("tool.exe", tmp_path, exact.parent) == str(exact)


def test_a_missing_executable_is_named_with_the_folder_that_is_missing_too(tmp_path: Path) -> None:
    path = tmp_path / "bin" / "server"
    with pytest.raises(BackendNotFoundError) as caught:
        find([str(path)], tmp_path)
    assert caught.value.data == {"path": str(path)}
    assert str(path) in caught.value.message
    assert f"the folder {path.parent} does not exist" in caught.value.message
    assert caught.value.hint


def test_a_full_path_is_named_once_whatever_the_working_folder(tmp_path: Path) -> None:
    path = tmp_path / "server"
    with pytest.raises(BackendNotFoundError) as caught:
        find([str(path)], tmp_path, "backend.cwd=app")
    assert caught.value.message == f"The backend's executable does not exist: {path}"


def test_a_name_that_is_not_on_the_path_is_reported_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(BackendNotFoundError) as caught:
        find(["no-such-program"], tmp_path, path=tmp_path)
    assert caught.value.data == {"path": "no-such-program"}
    assert str(tmp_path) in caught.value.message


@pytest.mark.posix(reason="links without privilege")
def test_a_link_to_nothing_is_reported_with_its_target(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "gone")
    with pytest.raises(BackendNotFoundError, match="gone"):
        find([str(link)], tmp_path)


def test_a_folder_is_not_a_program(tmp_path: Path) -> None:
    folder = tmp_path / "Server.app"
    folder.mkdir()
    with pytest.raises(BackendNotAFileError) as caught:
        find([str(folder)], tmp_path)
    assert (caught.value.code, caught.value.data) == ("BACKEND_NOT_A_FILE", {"path": str(folder)})
    assert "Contents/MacOS" in (caught.value.hint or "")


@pytest.mark.posix(reason="a backslash is part of a name")
@pytest.mark.parametrize(("name", "hint"), [(r"C:\app\server.exe", "Windows path"), ("python3 ", "Remove the space")])
def test_a_name_that_no_program_has_is_not_to_be_installed(tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(BackendNotFoundError) as caught:
        find([name], tmp_path)
    assert hint in (caught.value.hint or "")


@pytest.mark.posix(reason="named pipes in the file system")
def test_a_pipe_is_not_a_program(tmp_path: Path) -> None:
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BackendNotAFileError):
        find([str(tmp_path / "pipe")], tmp_path)


@pytest.mark.posix(reason="the run bit")
def test_a_users_file_without_run_bit_gets_a_hint_and_is_left_unchanged(tmp_path: Path) -> None:
    server = program(tmp_path / "server", mode=0o644)
    with pytest.raises(BackendNotExecutableError) as caught:
        find([str(server)], tmp_path)
    assert caught.value.hint == f'Run: chmod u+x "{server}"'
    assert caught.value.data == {"path": str(server)}
    assert stat.S_IMODE(server.stat().st_mode) == 0o644
    with pytest.raises(BackendNotExecutableError):
        find(["server"], tmp_path, path=tmp_path)


@pytest.mark.posix(reason="the run bit")
def test_a_script_for_an_interpreter_is_not_sent_to_chmod(tmp_path: Path) -> None:
    script = program(tmp_path / "app.py", mode=0o644, content=b"print(1)\n")
    with pytest.raises(BackendNotExecutableError) as caught:
        find([str(script)], tmp_path)
    assert caught.value.hint == f'Start it with its interpreter: backend.command = ["python3", "{script}", …]'


def test_a_variable_in_the_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackendNotFoundError) as caught:
        find([str(tmp_path / "$HOME" / "server")], tmp_path)
    assert "Variables such as $HOME or %APPDATA% are not filled in." in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ('"C:\\Program Files\\a.exe"', "Remove the quotation marks"),
        ("C:\temp\new.exe", "write the path in single quotes"),
    ],
)
def test_a_path_that_was_copied_or_escaped_wrongly_gets_advice(tmp_path: Path, name: str, advice: str) -> None:
    with pytest.raises(BackendNotFoundError) as caught:
        find([f"./{name}"], tmp_path)
    assert advice in (caught.value.hint or "")


def test_a_path_that_is_not_utf_8_is_not_taken_for_one_that_was_escaped(tmp_path: Path) -> None:
    with pytest.raises(BackendNotFoundError) as caught:
        find(["./M\udcfcller"], tmp_path)
    assert "backslash" not in (caught.value.hint or "")


@pytest.mark.posix(reason="the run bit")
def test_a_file_that_only_others_may_execute_gets_no_chmod_hint(tmp_path: Path) -> None:
    server = program(tmp_path / "server", mode=0o654)
    if sys.platform != "win32" and os.getuid() == 0:
        pytest.skip("root may run a file that anyone may run")
    with pytest.raises(BackendNotExecutableError, match="its mode is 0654") as caught:
        find([str(server)], tmp_path)
    assert "chmod" not in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("npm start", '"npm", "start"'),
        ("npm  run 'dev server'", '"npm", "run", "dev server"'),
        ("PROGRAM --port 1", '"PROGRAM", "--port", "1"'),
        ("PORT=1 node server.js", '"node", "server.js"'),
        ("cd app && npm start", f"{SHELL}, 'cd app && npm start'"),
        ("./bin/server SUFFIX", None),
    ],
)
def test_the_remedy_for_a_command_in_one_string_is_to_split_it(tmp_path: Path, word: str, words: str | None) -> None:
    server = program(tmp_path / "app" / f"server{SUFFIX}").as_posix()
    with pytest.raises(BackendNotFoundError) as caught:
        find([word.replace("PROGRAM", server)], tmp_path)
    hint = caught.value.hint or ""
    if words is None:  # what it begins with is no program either: the path is what is wrong
        assert "Check the path" in hint
    else:
        assert f"backend.command = [{words.replace('PROGRAM', server)}]" in hint


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["PORT=1", "node"], 'begins with "PORT=1", which is a variable', "backend.env"),
        (["http://127.0.0.1:80"], "which is an address", 'backend.url = "http://127.0.0.1:80"'),
        (["cd", "app"], '"cd" is a shell builtin', f'[{SHELL}, "cd app && npm start"]'),
    ],
)
def test_what_only_a_shell_understands_is_named(tmp_path: Path, words: list[str], message: str, hint: str) -> None:
    with pytest.raises(BackendNotFoundError) as caught:
        find(words, tmp_path)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.posix(reason="scripts name their interpreter")
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"#!/no/such/interpreter -x\n", "interpreter /no/such/interpreter does not exist"),
        (b"#!/bin/sh\r\nexit 0\r\n", "ends with a carriage return"),
    ],
)
def test_a_script_that_the_system_would_call_missing_is_reported_with_the_reason(
    tmp_path: Path, content: bytes, why: str
) -> None:
    server = program(tmp_path / "server", content=content)
    with pytest.raises(BackendNotExecutableError, match=why):
        find([str(server)], tmp_path)


def test_a_working_folder_that_is_not_there_is_reported_before_the_system_blames_the_program(tmp_path: Path) -> None:
    server = program(tmp_path / f"server{SUFFIX}")
    with pytest.raises(BackendNotFoundError, match="working folder does not exist"):
        find([str(server)], tmp_path, "backend.cwd=nowhere")
    with pytest.raises(BackendNotAFileError, match="working folder is not a folder"):
        find([str(server)], tmp_path, f"backend.cwd={server.name}")


def test_the_packaged_backend_is_searched_next_to_and_above_the_sidecar_then_in_the_working_directory() -> None:
    beside, here = Path("/app/resources/sidecar"), Path("/work")

    def searched(profile: str, platform: str) -> list[Path]:
        return [Path(path) for path in candidates(settings_of(profile), str(beside), str(here), platform)]

    roots = [beside, beside.parent, beside.parent.parent, here]
    assert searched("aura", "win32") == [
        root / "backend" / folder / "Aura.Api.exe" for root in roots for folder in ("win-x64", "win")
    ]
    linux = searched("aura", "linux")
    assert linux[:2] == [beside / "backend" / folder / "Aura.Api" for folder in ("linux-x64", "linux")]
    mac = [path.parts[-2] for path in searched("aura", "darwin")]
    assert {"osx-x64", "mac"} <= set(mac)
    assert searched("generic", "linux") == []


def test_the_apps_resources_come_first_for_a_sidecar_that_lies_elsewhere(tmp_path: Path) -> None:
    program(packaged(tmp_path / "sidecar"))
    wanted = program(packaged(tmp_path / "resources"))
    assert find(None, tmp_path, f"app.resources={tmp_path / 'resources'}").argv == (str(wanted),)


def packaged(root: Path) -> Path:
    return Path(next(candidates(settings_of("aura"), str(root), str(root), sys.platform)))


def test_the_nearest_packaged_backend_is_taken_and_noted(tmp_path: Path) -> None:
    far = program(packaged(tmp_path))
    assert find(None, tmp_path).argv == (str(far),)
    near = program(packaged(tmp_path / "sidecar"))
    found = find(None, tmp_path)
    assert (found.argv, found.cwd) == ((str(near),), str(near.parent))
    assert found.notes == (f"{near} is the backend found by profile aura",)


@pytest.mark.posix(reason="the run bit")
def test_a_packaged_backend_that_lost_its_run_bit_gets_it_back_with_a_note(tmp_path: Path) -> None:
    server = program(packaged(tmp_path), mode=0o640)
    assert find(None, tmp_path).notes[1] == f"{server} was not executable; the sidecar set u+x"
    assert stat.S_IMODE(server.stat().st_mode) == 0o740
    assert len(find(None, tmp_path).notes) == 1


def test_a_missing_packaged_backend_lists_every_searched_path(tmp_path: Path) -> None:
    with pytest.raises(BackendNotFoundError) as caught:
        find(None, tmp_path, beside=tmp_path / "a" / "b" / "c")
    for root in (tmp_path / "a" / "b" / "c", tmp_path / "a" / "b", tmp_path / "a", tmp_path):
        assert str(packaged(root)) in caught.value.message
    assert "Set backend.command" in (caught.value.hint or "")


def test_a_profile_without_a_packaged_backend_requires_a_command(tmp_path: Path) -> None:
    with pytest.raises(BackendNotFoundError, match="No backend command given"):
        find(None, tmp_path, profile="generic")


def test_the_sidecars_folder_is_the_one_of_its_package() -> None:
    assert Path(sidecar_folder(), "errors.py").is_file()


def test_windows_programs_are_found_by_their_extensions(tmp_path: Path) -> None:
    program(tmp_path / "tool.cmd")
    server = program(tmp_path / "tool.exe")
    settings = load(environ={}, command=["tool"]).settings
    environ = {"Path": f'"{tmp_path}"', "PathExt": ".COM;.EXE;.CMD"}
    assert find_command(settings, environ, working_directory=str(tmp_path), platform="win32").argv == (str(server),)
    settings = load(environ={}, command=[str(tmp_path / "tool")]).settings
    assert find_command(settings, {}, working_directory=str(tmp_path), platform="win32").argv == (str(server),)


def test_only_host_and_port_are_filled_in() -> None:
    words = ("--url=http://{host}:{port}/{id}", '{"port": {port}}', "{PORT}")
    filled = tuple(fill(word, "127.0.0.1", 5005) for word in words)
    assert filled == ("--url=http://127.0.0.1:5005/{id}", '{"port": 5005}', "{PORT}")


@pytest.mark.posix(reason="Windows removes no folder in which a process works")
def test_a_sidecar_whose_folder_is_gone_starts_only_absolute_paths_and_explains_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = program(tmp_path / "bin" / "server")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    settings = load(environ={}, command=[str(server)]).settings
    assert find_command(settings, {}).argv == (str(server),)
    for command in (["./server"], ["server"], None):
        settings = load(environ={}, command=command).settings
        with pytest.raises(BackendNotFoundError, match="in which the sidecar was started no longer exists") as raised:
            find_command(settings, {"PATH": str(tmp_path / "bin")})
        assert raised.value.hint == "Start it in another folder, or give the backend's full path."
