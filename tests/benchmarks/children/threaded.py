"""A sidecar that reads and writes by threads, as it has to on Windows, where readiness of a pipe cannot be waited for."""

import sys

from sidecar.argv import parse
from sidecar.boot import serve
from sidecar.rpc.stdio import reader, writer

reader.POLLED_KINDS = writer.POLLED_KINDS = frozenset()

parse(sys.argv[1:])
serve(sys.argv[1:])
