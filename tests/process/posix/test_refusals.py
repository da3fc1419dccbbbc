"""Why the backend cannot be started, as the real system reports it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.process.executability.formats import unrunnable
from tests.support.launch import run

DOCTOR = [sys.executable, "-m", "sidecar", "doctor"]


@pytest.mark.posix(reason="mount options")
def test_a_program_on_a_noexec_file_system_is_not_given_a_run_bit(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux") or shutil.which("unshare") is None:
        pytest.skip("only Linux reports noexec, and mounts in a namespace")
    mount = tmp_path / "mount"
    mount.mkdir()
    make = f"mount -t tmpfs -o noexec none '{mount}' && printf '#!/bin/sh\\n' > '{mount}/server' && chmod 755 '{mount}/server'"
    isolated = ["unshare", "-rm", "sh", "-c", f'{make} || exit 99; exec "$@"', "sh"]
    done = run([*isolated, *DOCTOR, "--", str(mount / "server")], cwd=tmp_path)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("this user may not mount in a namespace")
    said = "".join(done.stdout.split())  # the table breaks its lines
    sentence = f"is not executable: {mount / 'server'}: it is on {mount}, which is mounted noexec"
    assert "".join(sentence.split()) in said, done.stdout + done.stderr
    assert "chmod" not in said


@pytest.mark.posix(reason="execve takes text only behind a #! line")
def test_the_system_and_the_explanation_agree_on_what_runs(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong-interpreter"
    wrong.write_bytes(b"\x7fELF\x02\x01" + bytes(12) + b"\x34\x12" + bytes(40))
    wrong.chmod(0o755)
    files = {
        "text": b"hi\n",
        "empty": b"",
        "script": b"#!/bin/sh\nexit 0\n",
        "behind": f"#!{wrong}\n".encode(),
        "program": Path(sys.executable).resolve().read_bytes(),
    }
    runs, explained = {}, {}
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        path.chmod(0o755)
        try:
            subprocess.run([path, "-c", "0"], capture_output=True, check=False, timeout=30)
            runs[name] = True
        except OSError:
            runs[name] = False
        explained[name] = unrunnable(path, content[:4096])
    assert runs == {"text": False, "empty": False, "script": True, "behind": False, "program": True}
    assert {name: found is None for name, found in explained.items()} == runs
    assert "neither a program for this system nor a script" in (explained["text"] or ("", ""))[0]
    assert f"its interpreter {wrong}" in (explained["behind"] or ("", ""))[0]


@pytest.mark.posix(reason="network namespaces")
@pytest.mark.parametrize(
    "port", ['"auto"', pytest.param('"reported"', marks=pytest.mark.slow), pytest.param("8765", marks=pytest.mark.slow)]
)
def test_a_loopback_interface_that_is_down_is_named(tmp_path: Path, port: str) -> None:
    isolated = ["unshare", "-rn"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*isolated, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("this user may not make a network without an interface")
    settings = [f'paths.data="{tmp_path}"', f"backend.port={port}", "backend.autostart=false"]
    call = [sys.executable, "-m", "sidecar", "call", "backend:start"]
    flags = [word for setting in settings for word in ("--set", setting)]
    done = run([*isolated, *call, *flags, "--", sys.executable, "-c", "pass"], cwd=tmp_path)
    said = done.stdout + done.stderr
    assert "127.0.0.1 cannot be reached on this machine: Network is unreachable" in said
    assert "ip link set lo up" in said
