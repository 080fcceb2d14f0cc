"""Instances as detached processes of this machine."""

from __future__ import annotations

from ferryman.targets.process.settings import ProcessSettings
from ferryman.targets.process.target import ProcessTarget

__all__ = ["ProcessSettings", "ProcessTarget"]
