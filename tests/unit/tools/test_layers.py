from __future__ import annotations

import pytest

from tools.checks.layers import (
    PLATFORM_EXCEPTIONS,
    circles,
    complaint,
    imports_of,
    platform_complaints,
    windows_by_variable,
)

MODULES = {
    "core.stop",
    "wire.codec",
    "process.base",
    "backend.probe",
    "rpc.stdio",
    "rpc.router",
    "supervisor",
    "errors",
}


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("core.stop", "from ..wire import codec"),
        ("core.stop", "from sidecar.wire.codec import encode"),
        ("errors", "def f():\n    from .core.stop import StopLadder"),
        ("process.base", "import sidecar.backend.probe"),
        ("process.base", "from .. import backend"),
        ("rpc.stdio", "from .router import Router"),
        ("rpc.stdio", "from ..backend.probe import probe"),
        ("process.base", "from ..rpc.stdio import reader"),
        ("supervisor", "from . import rpc\nfrom .rpc import router"),
        ("backend.probe", "if TYPE_CHECKING:\n    from ..supervisor import Supervisor"),
    ],
)
def test_an_import_that_goes_up_or_sideways_is_found(module: str, code: str) -> None:
    assert [complaint(one) for one in imports_of(module, code, is_package=False, modules=MODULES)] != [None]
    assert any(complaint(one) for one in imports_of(module, code, is_package=False, modules=MODULES))


@pytest.mark.parametrize(
    ("module", "code"),
    [
        (
            "rpc.router",
            "from .stdio import Stdio\nfrom ..core import events\nfrom ..wire.codec import encode",
        ),
        (
            "process.base",
            "from ..core.stop import StopLadder\nfrom .posix import Layer\nimport os\nfrom sidecar import __version__",
        ),
        ("supervisor", "from .errors import SidecarError"),
    ],
)
def test_an_import_that_goes_down_or_stays_in_its_package_is_not(module: str, code: str) -> None:
    assert {complaint(one) for one in imports_of(module, code, is_package=False, modules=MODULES)} == {None}


def test_a_circle_of_imports_is_found() -> None:
    assert list(circles({"a": ["b"], "b": ["c"], "c": []})) == []
    (found,) = circles({"a": ["b"], "b": ["c"], "c": ["a"]})
    assert all(name in found for name in "abc")


@pytest.mark.parametrize(
    "code",
    [
        "import sys\nif sys.platform == 'win32': pass",
        "def f():\n    import ctypes",
        "from ctypes import wintypes",
        "from sys import platform",
        "import os\nos.name",
    ],
)
def test_a_module_that_knows_the_platform_is_found(code: str) -> None:
    excepted = dict.fromkeys(PLATFORM_EXCEPTIONS, "import sys\nsys.platform")
    assert list(platform_complaints({**excepted, "observe.secrets": code}))
    assert not list(platform_complaints({**excepted, "process.platform.ports": code}))
    assert not list(platform_complaints({**excepted, "observe.secrets": "from ..process.platform import SYSTEM"}))


def test_an_exception_that_is_none_any_more_is_found() -> None:
    assert list(platform_complaints(dict.fromkeys(PLATFORM_EXCEPTIONS, "import os")))


@pytest.mark.parametrize("code", ['x = os.environ.get("SYSTEMROOT")', 'os.getenv("COMSPEC")', 'os.environ["WINDIR"]'])
def test_windows_that_is_found_by_a_variable_is_found(code: str) -> None:
    assert [line for line, _ in windows_by_variable(f"import os\n{code}")] == [2]
    assert not list(windows_by_variable('os.environ.get("SIDECAR_HOME")'))
