"""The one owner of the backend's state: takes wishes and facts, carries out what core decides."""

from .supervisor import Supervisor

__all__ = ["Supervisor"]
