"""A minimal dataclass, for code that runs before dataclasses and msgspec are imported, or without them."""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from typing import Any, dataclass_transform
else:

    def dataclass_transform():
        """Does nothing; typing's own tells the type checker that the class is like a dataclass."""
        return lambda base: base


@dataclass_transform()
class Fields:
    """A subclass declares its fields as a dataclass does; only the type checker notices a missing argument."""

    def __init__(self, *values: Any, **named: Any) -> None:
        self.__dict__.update(zip(type(self).__annotations__, values), **named)  # noqa: B905 - the rest are named
