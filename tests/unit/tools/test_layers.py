from __future__ import annotations

import pytest

from tools.checks.layers import complaint, imports_of

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
        ("rpc.stdio", "from ..process.base import LaunchSpec"),
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
            "from .stdio import Stdio\nfrom ..supervisor import Supervisor\nfrom ..wire.codec import encode",
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
