"""What is in hello besides the names of channels and events: it is written before anything is imported that could hold a type."""

PROTOCOL = 1
DEFAULT_MAX_FRAME = 16 * 1024 * 1024
DEFAULT_MAX_IN_FLIGHT = 256
