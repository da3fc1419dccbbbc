"""Pure decisions: no asyncio, no clock, no os, no logging."""
