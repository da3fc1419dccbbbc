"""A sidecar's metrics, in Prometheus' text format (prometheus.io, exposition formats). Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping

from ..core.events import State
from ..wire.observe import Crash, ResourceSample, StateChanged

_PREFIX = "backend_sidecar_"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_REPLACED = frozenset({State.STOPPING, State.BACKOFF, State.RUNNING})  # states from which a start is a restart


class Histogram:
    """Counts of durations up to each bound, in seconds."""

    def __init__(self) -> None:
        self._counts: Counter[float] = Counter()
        self._sum = 0.0
        self._count = 0

    def observe(self, seconds: float) -> None:
        self._counts.update(bound for bound in _BUCKETS if seconds <= bound)
        self._sum += seconds
        self._count += 1

    def samples(self) -> Iterable[tuple[str, dict[str, str], float]]:
        """Suffix, labels and value of each line."""
        for bound in _BUCKETS:
            yield "_bucket", {"le": f"{bound:g}"}, self._counts[bound]
        yield "_bucket", {"le": "+Inf"}, self._count
        yield "_sum", {}, self._sum
        yield "_count", {}, self._count


class Metrics:
    """Counts what happens. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.state = State.STOPPED.value
        self.health: bool | None = None
        self.sample: ResourceSample | None = None
        self._starts = self._restarts = self._forced = 0
        self._crashes: Counter[str] = Counter()
        self._ready, self._stop, self.latency = Histogram(), Histogram(), Histogram()
        self._since = 0.0

    def changed(self, change: StateChanged, now: float) -> None:
        if change.state == State.STARTING and change.reason != "port_changed":
            self._starts += 1
            self._restarts += change.previous in _REPLACED
        elif change.state == State.RUNNING:
            self._ready.observe(now - self._since)
        if change.previous == State.STOPPING:
            self._stop.observe(now - self._since)
            self._forced += bool(change.forced)
        if change.state != State.RUNNING:
            self.health = self.sample = None
        if change.state != self.state:  # another port is not another start
            self.state, self._since = change.state, now

    def crashed(self, crash: Crash) -> None:
        self._crashes[crash.kind or "unknown"] += 1

    def render(self, name: str, versions: Mapping[str, str]) -> str:
        """The whole file; ``name`` distinguishes this sidecar from others on the machine."""
        page = _Page(name)
        page.add("info", "gauge", "The sidecar's version.", [("", dict(versions), 1)])
        states = [("", {"state": state.value}, float(state == self.state)) for state in State]
        page.add("state", "gauge", "1 for the backend's current state.", states)
        if self.health is not None:
            page.one("healthy", "gauge", "Whether the backend is healthy.", self.health)
        page.one("starts_total", "counter", "Runs that were started.", self._starts)
        page.one("restarts_total", "counter", "Runs that replaced another run.", self._restarts)
        page.one("crashes_total", "counter", "Runs that failed.", self._crashes.total())
        causes = [("", {"cause": cause}, float(count)) for cause, count in sorted(self._crashes.items())]
        page.add("crashes_by_cause_total", "counter", "Runs that failed, by cause.", causes)
        page.one("forced_stops_total", "counter", "Stops that had to kill a process.", self._forced)
        page.add("ready_seconds", "histogram", "From the start to readiness.", self._ready.samples())
        page.add("stop_seconds", "histogram", "From the stop request to the exit.", self._stop.samples())
        about = "Response time of the health endpoint, successful answers only."
        page.add("health_seconds", "histogram", about, self.latency.samples())
        if self.sample is not None:
            page.one("cpu_ratio", "gauge", "CPU use of the process tree; 1 is one core.", self.sample.cpu / 100)
            page.one("memory_bytes", "gauge", "Memory of the process tree.", self.sample.memory)
            page.one("processes", "gauge", "Processes of the tree.", self.sample.processes)
        return page.text


class _Page:
    def __init__(self, name: str) -> None:
        self.text = ""
        self._name = name

    def one(self, name: str, kind: str, about: str, value: float) -> None:
        self.add(name, kind, about, [("", {}, value)])

    def add(self, name: str, kind: str, about: str, samples: Iterable[tuple[str, dict[str, str], float]]) -> None:
        self.text += f"# HELP {_PREFIX}{name} {about}\n# TYPE {_PREFIX}{name} {kind}\n"
        for suffix, labels, value in samples:
            pairs = ({"sidecar": self._name} | labels).items()
            shown = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in pairs)
            self.text += f"{_PREFIX}{name}{suffix}{{{shown}}} {value:.15g}\n"
