"""Flags of other systems, as a flags file of ours. Percentages keep their size; who is inside is drawn anew."""
