"""Debt of feature flags in Python code: where a flag stands, and taking it out. Text in, text out; nothing is written."""
