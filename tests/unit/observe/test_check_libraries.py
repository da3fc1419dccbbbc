"""The system libraries of .NET backends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sidecar.errors import BackendNotFoundError
from sidecar.observe.check_files import _CPP, _HOST_MARK, _ICU, _PIECE, check_libraries, dotnet_kind, judge
from sidecar.process.platform.libraries import installed_libraries
from tests.support.backends import aspnet_backend, aspnet_missing


@pytest.mark.parametrize(
    ("found", "beside", "missing"),
    [
        ({"libstdc++.so.6", "libicuuc.so.72"}, set(), ""),
        ({"libstdc++.so.6.0.30"}, {"libicuuc.so.68.2.0.9"}, ""),
        ({"libstdc++.so.6"}, set(), "needs libicu, which"),
        ({"libstdc++.so.5", "libicudata.so.72"}, set(), "needs libstdc++ and libicu, which"),
    ],
)
def test_what_is_missing_is_named_with_its_package(found: set[str], beside: set[str], missing: str) -> None:
    check = judge([_CPP, _ICU], found, beside=beside)
    assert check.status == ("failed" if missing else "ok")
    if missing:
        assert missing in check.message
        assert "libicu7x" in str(check.remedy)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x7fELF" + bytes(100), None),
        (b"\x7fELF" + bytes(100) + _HOST_MARK, "dotnet"),
        (b"\x7fELF" + _HOST_MARK + b'{"configProperties": {"System.Globalization.Invariant": true}}', "invariant"),
        (b"\x7fELF" + _HOST_MARK + b'{"System.Globalization.Invariant": false}', "dotnet"),
    ],
)
def test_a_dotnet_program_is_known_by_its_host(tmp_path: Path, content: bytes, kind: str | None) -> None:
    (tmp_path / "server").write_bytes(content)
    assert dotnet_kind(tmp_path / "server") == kind


@pytest.mark.parametrize("before", range(_PIECE - 100, _PIECE + 1, 10))
def test_what_lies_across_two_pieces_is_found(tmp_path: Path, before: int) -> None:
    (tmp_path / "server").write_bytes(bytes(before) + b'"System.Globalization.Invariant": true' + _HOST_MARK)
    assert dotnet_kind(tmp_path / "server") == "invariant"


def test_the_settings_may_be_in_a_file_next_to_the_program(tmp_path: Path) -> None:
    (tmp_path / "server").write_bytes(_HOST_MARK)
    (tmp_path / "server.runtimeconfig.json").write_text('{"System.Globalization.Invariant": "true"}')
    assert dotnet_kind(tmp_path / "server") == "invariant"


@pytest.mark.skipif(bool(aspnet_missing()), reason=aspnet_missing() or "it is there")
def test_a_real_server_is_known() -> None:
    assert dotnet_kind(Path(aspnet_backend()[0])) == "invariant"


@pytest.mark.skipif(sys.platform != "linux", reason="the libraries of Linux")
def test_libraries_are_searched_where_the_loader_searches(tmp_path: Path) -> None:
    (tmp_path / "libown.so.3").touch()
    found = set(installed_libraries(f"/:{tmp_path}:"))
    assert "libown.so.3" in found
    assert any(name.startswith(("libc.so.", "libc.musl", "ld-")) for name in found)


@pytest.mark.skipif(sys.platform != "linux", reason="the libraries of Linux")
def test_a_missing_or_other_backend_is_not_a_failure(tmp_path: Path) -> None:
    def missing() -> tuple[str, ...]:
        raise BackendNotFoundError("none")

    (tmp_path / "empty").touch()
    assert check_libraries(missing, {}).status == "unknown"
    assert check_libraries(lambda: (str(tmp_path / "gone"),), {}).status == "unknown"
    assert check_libraries(lambda: (str(tmp_path / "empty"),), {}).status == "ok"
    assert check_libraries(lambda: (sys.executable,), {}).status == "ok"
