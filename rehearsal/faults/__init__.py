"""The catalogue of faults: one file per area, one function per fault.

`FAULTS` maps names to faults, in the order of the areas; `fault_named` looks one up.
"""

from rehearsal.faults import answers, rows, schema, stored, surroundings, tokens, transition
from rehearsal.faults.catalogue import CLAIMS, FAULTS, Fault, fault_named

AREAS = (answers, tokens, rows, schema, stored, transition, surroundings)

__all__ = ["AREAS", "CLAIMS", "FAULTS", "Fault", "fault_named"]
