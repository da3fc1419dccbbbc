"""From a decision to a process: port, command, environment, spawn; and back, why a run could not have its port."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from .. import errors
from ..backend import command, environment, ports
from ..backend.client import BackendClient
from ..core.events import Conflict
from ..process.base import Limits, ListeningSocket, LaunchSpec, ProcessLayer
from ..settings.model import Settings
from .run import Run, RunEars

PORT_ATTEMPTS = 5  # ports that one start may try before the lack of a port counts as a failure
