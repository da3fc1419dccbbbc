from __future__ import annotations

import platform
import struct
import sys
from pathlib import Path, PureWindowsPath

import pytest

from sidecar.process.executability import HEAD_BYTES
from sidecar.process.executability.formats import built_for, machine_name, mismatch, unrunnable


def elf(machine: int, order: str = "<") -> bytes:
    return (
        b"\x7fELF\x02"
        + (b"\x01" if order == "<" else b"\x02")
        + bytes(10)
        + struct.pack(f"{order}HH", 2, machine)
        + bytes(40)
    )


def pe(machine: int) -> bytes:
    return b"MZ" + bytes(58) + struct.pack("<I", 128) + bytes(64) + b"PE\0\0" + struct.pack("<H", machine) + bytes(20)


ARM_MAC = b"\xcf\xfa\xed\xfe" + struct.pack("<I", 0x0100_000C)
FAT_MAC = (
    b"\xca\xfe\xba\xbe"
    + struct.pack(">I", 2)
    + b"".join(struct.pack(">5I", kind, 0, 0, 0, 0) for kind in (0x0100_0007, 0x0100_000C))
)
JAVA = b"\xca\xfe\xba\xbe\x00\x00\x00\x41" + bytes(40)


@pytest.mark.parametrize(
    ("head", "platform_name", "machine", "why"),
    [
        (elf(0x3E), "linux", "x86_64", None),
        (elf(0x03), "linux", "x86_64", None),
        (elf(0xB7), "linux", "x86_64", "it was built for aarch64, this machine is x86_64"),
        (elf(0x3E), "linux", "aarch64", "it was built for x86_64, this machine is aarch64"),
        (elf(0x1234), "linux", "x86_64", "it was built for another processor, this machine is x86_64"),
        (elf(0x3E), "win32", "AMD64", "it is a program for Linux"),
        (pe(0x8664), "win32", "AMD64", None),
        (pe(0x8664), "win32", "ARM64", None),  # emulated
        (pe(0xAA64), "win32", "AMD64", "it was built for aarch64, this machine is x86_64"),
        (pe(0x8664), "linux", "x86_64", "it is a program for Windows"),
        (ARM_MAC, "darwin", "arm64", None),
        (ARM_MAC, "darwin", "x86_64", "it was built for aarch64, this machine is x86_64"),
        (FAT_MAC, "darwin", "x86_64", None),
        (JAVA, "linux", "x86_64", None),
        (b"#!/bin/sh\n", "linux", "x86_64", None),
        (b"", "linux", "x86_64", None),
        (b"#!/bin/sh\n", "win32", "AMD64", None),
        (b"MZ", "win32", "AMD64", None),
        (b"MZ", "linux", "x86_64", "it is a program for Windows"),
        (b"\x7fELF", "linux", "x86_64", None),
    ],
)
def test_a_program_that_cannot_run_here_is_detected_from_its_first_bytes(
    head: bytes, platform_name: str, machine: str, why: str | None
) -> None:
    assert mismatch(head, platform_name, machine) == why


def test_a_big_endian_program_is_read_in_its_own_order() -> None:
    assert built_for(elf(0x3E, ">")) == ("elf", {"x86_64"})


def test_the_running_python_matches_this_machine() -> None:
    head = Path(sys.executable).read_bytes()[:HEAD_BYTES]
    assert built_for(head) is not None
    assert mismatch(head, sys.platform, platform.machine()) is None


@pytest.mark.parametrize(
    ("name", "common"), [("AMD64", "x86_64"), ("arm64", "aarch64"), ("x86_64", "x86_64"), ("sparc", "sparc")]
)
def test_a_processor_has_one_name(name: str, common: str) -> None:
    assert machine_name(name) == common


def test_a_format_that_the_kernel_hands_to_another_program_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("enabled\n")
    (tmp_path / "qemu").write_text("enabled\ninterpreter /usr/bin/qemu\nflags: \noffset 2\nmagic 4d5a00\nmask ffff00\n")
    (tmp_path / "off").write_text("disabled\ninterpreter /usr/bin/x\nflags: \noffset 0\nmagic 6869\n")
    (tmp_path / "jar").write_text("enabled\ninterpreter /usr/bin/java\nflags: \nextension .jar\n")
    named = {"server": b"..MZ!...", "text": b"hi there", "app.jar": b"PK..", "short": b"..M"}
    runs = {name: unrunnable(Path(name), head, "linux", tmp_path) is None for name, head in named.items()}
    assert runs == {"server": True, "text": False, "app.jar": True, "short": False}


@pytest.mark.parametrize(
    ("name", "words"),
    [("server.js", '"node"'), ("app.JAR", '"java", "-jar"'), ("app.py", '"python3"'), ("run", '"sh"')],
)
def test_the_remedy_for_a_script_without_a_first_line_is_its_interpreter(tmp_path: Path, name: str, words: str) -> None:
    found = unrunnable(tmp_path / name, b"print(1)\n", "linux", tmp_path)
    assert found is not None
    assert f"backend.command = [{words}, …]" in found.remedy


@pytest.mark.parametrize(
    ("name", "head", "cause"),
    [
        ("server", b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\n", "Git LFS"),
        ("server", b"<!DOCTYPE html>\n<html>", "web page"),
        ("server", b"\x1f\x8b\x08\0", "archive"),
        ("server", b"PK\x03\x04\x14", "archive"),
        ("app.pyz", b"PK\x03\x04\x14", None),
        ("app.jar", b"PK\x03\x04\x14", None),
    ],
)
def test_a_file_that_replaced_the_program_is_named(name: str, head: bytes, cause: str | None) -> None:
    found = unrunnable(Path(name), head, "linux", Path("/nowhere"))
    assert found is not None
    assert cause in found.cause if cause else "neither a program" in found.cause


@pytest.mark.parametrize(
    ("name", "head", "cause", "remedy"),
    [
        ("app.PY", b"print(1)", "it is a script or library", '["python", "C:\\x\\app.PY", …]'),
        (
            "app.ps1",
            b"exit",
            "it is a script or library",
            '["powershell", "-ExecutionPolicy", "Bypass", "-File", "C:\\x\\app.ps1", …]',
        ),
        ("app.dll", pe(0x8664), "it is a script or library", '["dotnet", '),
        ("run", b"#!/bin/bash\r\n", "it is a script or library", '["bash", '),
        ("run.sh", b"#!/usr/bin/env node\n", "it is a script or library", '["…", '),
        ("app.lnk", b"L\0", "it is a shortcut", "the program that it opens"),
        ("app.MSI", b"\xd0\xcf", "it is an installer package", "the installed program"),
        ("app.exe", b"not a program", "it is not a program for Windows", "x64 or ARM64"),
        ("app.exe", elf(0x3E), "it is a program for Linux", "x64 or ARM64"),
        ("app.exe", b"", "it is empty", "incomplete"),
    ],
)
def test_what_windows_cannot_run_is_named_with_what_to_do(name: str, head: bytes, cause: str, remedy: str) -> None:
    found = unrunnable(PureWindowsPath(f"C:\\x\\{name}"), head, "win32")  # type: ignore[arg-type]  # only its name counts
    assert found is not None
    assert cause in found.cause
    assert remedy in found.remedy


def test_a_program_for_this_windows_is_accepted() -> None:
    assert unrunnable(Path("app.exe"), pe(0x014C), "win32") is None
    assert unrunnable(Path("npm.CMD"), b"@ECHO off\r\n", "win32") is None
