"""Flags in the forms of other systems, for their unmodified clients. What a form cannot say is not sent, and is told."""
