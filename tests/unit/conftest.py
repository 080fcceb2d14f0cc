"""Fixtures of the unit tests."""

from unit.golden import golden_fixture

__all__ = ["golden_fixture"]
