"""All deliberate faults."""

from sim import mutants_core, mutants_engine, mutants_flags
from sim.mutation import MUTANTS, Mutant

__all__ = ["MUTANTS", "Mutant", "mutants_core", "mutants_engine", "mutants_flags"]
