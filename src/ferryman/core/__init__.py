"""Deciding: the phase table, the fold, the decision and the one safety gate. Pure."""
