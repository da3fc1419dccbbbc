"""Writes the modules of the packed program: marshalled code in blocks, and an index. bootstrap.py reads it.

Replaces PyInstaller's archive, which stores each module separately. The modules that every start imports are in a few
blocks: one read each instead of hundreds, and shared names are created once.
"""

from __future__ import annotations

import ast
import marshal
import os
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType

from PyInstaller.building.utils import replace_filename_in_code_object

MODULE, PACKAGE, NAMESPACE = range(3)
# Starts serve, and writes what it imports up to hello, up to the backend's launch, in the guardian, which must stay small, and
# up to serving requests.
_START = """
import os, sys
out, folder = open(sys.argv[1], "w"), sys.argv[2]
known = set(sys.modules)
def report():
    # importlib has a second name for two modules that the interpreter has built in; their specs keep the first.
    specs = {name: getattr(module, "__spec__", None) for name, module in sys.modules.items() if name not in known}
    print(*(name for name, spec in specs.items() if spec is not None and spec.name == name), file=out)
    known.update(sys.modules)
import sidecar.__main__
report()
import sidecar.early
launch = sidecar.early.launch
def launched(boot):
    run = launch(boot)
    report()
    if sys.platform != "win32":
        import sidecar.process.guard_loop
        report()
    from sidecar.deferred import deferred
    with deferred():
        import sidecar.app
    sidecar.app.App.run = stop
    return run
async def stop(app):
    report()
    out.close()
    os._exit(0)
sidecar.early.launch = launched
sys.argv[1:] = ["serve", "--set", "paths.data=" + folder, "--", sys.executable, "-c", "import time; time.sleep(60)"]
sidecar.__main__.main()
"""


def write(file: str, modules: list[tuple[str, str, str]], codes: dict[str, CodeType], paths: list[str]) -> None:
    """Writes PyInstaller's modules (name, source, kind) with their code; ``paths``: where the start finds them."""
    kinds, contents = {}, {}
    for name, source, kind in modules:
        if source in {"-", None}:
            kinds[name] = NAMESPACE
            continue
        is_package = Path(source).stem == "__init__"
        kinds[name] = PACKAGE if is_package else MODULE
        place = os.path.join(*name.split("."), *["__init__"] * is_package) + ".py"  # noqa: PTH118 - as PyInstaller writes it
        code = _without_annotations(source, int(kind[-1])) if name.startswith("sidecar.") else codes[name]
        contents[name] = replace_filename_in_code_object(code, place)
    blocks = [[name for name in group if name in contents] for group in _start(paths)]
    together = {name for block in blocks for name in block}
    blocks += [[name] for name in contents if name not in together]
    table: dict[str, tuple[int, int, int]] = {name: (kind, 0, 0) for name, kind in kinds.items()}
    with Path(file).open("wb") as archive:
        archive.write(bytes(8))
        for block in blocks:
            data = marshal.dumps({name: contents[name] for name in block})
            for name in block:
                table[name] = kinds[name], archive.tell(), len(data)
            archive.write(data)
        start = archive.tell()
        archive.write(marshal.dumps(table))
        archive.seek(0)
        archive.write(MAGIC_NUMBER + start.to_bytes(4, "big"))


def _start(paths: list[str]) -> list[list[str]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with TemporaryDirectory() as folder:
        file = Path(folder, "modules")
        program = [sys.executable, "-S", "-c", _START, str(file), str(Path(folder, "data"))]
        subprocess.run(program, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        return [line.split() for line in file.read_text().splitlines()]


class _Functions(ast.NodeTransformer):
    """Removes the annotations of functions: nothing reads them at run time."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """A parameter."""
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        """A function."""
        node.returns = None
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - as ast.NodeVisitor has it


def _without_annotations(source: str, optimize: int) -> CodeType:
    tree = _Functions().visit(ast.parse(Path(source).read_text(encoding="utf-8")))
    code: CodeType = compile(tree, source, "exec", dont_inherit=True, optimize=optimize)
    return code
