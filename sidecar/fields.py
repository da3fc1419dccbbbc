"""What a dataclass is, for what is made before dataclasses or msgspec are imported, or without them."""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from typing import Any, dataclass_transform
else:

    def dataclass_transform():
        """Typing's own tells the type checker what the decorated class does."""
        return lambda base: base


@dataclass_transform()
class Fields:
    """A subclass declares its fields as a dataclass does; only the type checker sees that one is missing."""

    def __init__(self, *values: Any, **named: Any) -> None:
        self.__dict__.update(zip(type(self).__annotations__, values), **named)  # noqa: B905 - the others are named
