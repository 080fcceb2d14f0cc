"""Immutable domain types and the one tree of errors; imports nothing of ours."""
