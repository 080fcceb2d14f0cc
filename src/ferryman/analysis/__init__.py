"""The judges: evidence in, verdict out. Pure: no clock, no chance, no wire."""
