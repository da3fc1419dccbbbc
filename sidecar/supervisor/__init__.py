"""The only owner of the backend's state: takes commands and facts, and carries out what core decides."""

from .supervisor import Supervisor

__all__ = ["Supervisor"]
