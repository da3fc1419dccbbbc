"""Runs before entry.py in the packed sidecar, and makes the modules inside the program importable.

Replaces PyInstaller's own bootstrap, which imports ctypes and a dozen other modules before our first line.
"""

import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourcelessFileLoader, spec_from_file_location
from _thread import allocate_lock
from io import FileIO
from marshal import loads
from os import path, sep

if sys.platform != "win32":
    from os import register_at_fork

ROOT = path.normpath(sys._MEIPASS) + sep  # noqa: SLF001 - PyInstaller's names
PACKAGE, NAMESPACE = 1, 2  # as archive.py has them


class Archive:
    """The archive that archive.py wrote into the program."""

    def __init__(self, place):
        self.program, _, start = place.rpartition("?")
        self.start = int(start)
        # Each open is a virus scan on Windows. Elsewhere an update removes or replaces the program while it runs, and its
        # modules are read from the old one then; the guardian, mostly a fork, closes all descriptors that are not its own.
        self.kept = None if "--guardian" in sys.argv[1:2] else FileIO(self.program)
        if sys.platform != "win32":
            register_at_fork(after_in_child=self.leave)
        self.lock = allocate_lock()
        self.loaded = {}  # code that was read in a block with another module's
        magic = self.read(0, 8)
        if magic[:4] != MAGIC_NUMBER:
            raise ImportError("the program holds modules of another Python")
        self.table = loads(self.read(int.from_bytes(magic[4:], "big"), -1))  # noqa: S302 - our own program

    def leave(self):
        """In a fork: opens the program for each read."""
        self.kept = None

    def read(self, offset, length):
        """Reads a part of the archive; to the end of the program if ``length`` is -1."""
        if self.kept is None:
            with FileIO(self.program) as file:
                return self.part(file, offset, length)
        with self.lock:  # two threads may import at once
            return self.part(self.kept, offset, length)

    def part(self, file, offset, length):
        """Reads a part of the opened program."""
        file.seek(self.start + offset)
        return file.read(length)

    def code(self, name):
        """Returns the code of a module."""
        code = self.loaded.pop(name, None)
        if code is None:
            _kind, offset, length = self.table[name]
            block = loads(self.read(offset, length))  # noqa: S302 - our own program
            code = block.pop(name)
            self.loaded.update(block)
        return code

    def find_spec(self, name, _path=None, _target=None):
        """Implements a finder of sys.meta_path."""
        kind, _offset, _length = self.table.get(name, (None, 0, 0))
        if kind is None:
            return None
        place = ROOT + name.replace(".", sep)
        if kind == NAMESPACE:
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations.append(place)
            return spec
        # Modules look for their data next to these paths, and packages for their extension modules, which are files.
        file = f"{place}{sep}__init__.pyc" if kind == PACKAGE else f"{place}.pyc"
        folders = [place] if kind == PACKAGE else None
        return spec_from_file_location(name, file, loader=Loader(name, file), submodule_search_locations=folders)


class Loader(SourcelessFileLoader):
    """The loader of one module."""

    def get_code(self, name):
        """Implements importlib.abc.InspectLoader."""
        return archive.code(name)


archive = Archive(sys._pyinstaller_pyz)  # noqa: SLF001 - as above
# Without the registry, which Windows' Python would search for modules first.
sys.meta_path[:] = [finder for finder in sys.meta_path if finder.__name__ != "WindowsRegistryFinder"]
sys.meta_path.insert(-1, archive)
sys.frozen = True
