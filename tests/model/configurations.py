"""The configurations of cycle.pml: which features each has, and what the checker must find.

A sound one is explored to its end and must hold. The others each lack one rule, named by the
switch that takes it away, and must fail: a rule whose absence nobody notices is either not a rule
or not modelled.
"""

from collections import namedtuple

# name: as in docs/correctness.md; defines: for Spin; sound: whether the properties hold;
# full: only run by --full; compact: states are told apart by a hash.
Configuration = namedtuple("Configuration", "name defines sound full compact")


def holds(name, *defines, full=False, compact=False):
    return Configuration(name, ("OBJECTS=2",) + defines, True, full, compact)


def fails(name, *defines):
    return Configuration(name, ("OBJECTS=2",) + defines, False, False, False)


CONFIGURATIONS = (
    holds("hybrid"),
    holds("hybrid, one quiet round", "ROUNDS=1"),
    fails("no shading of the old value", "NO_DELETION"),
    fails("no shading of the new value", "NO_INSERTION"),
    fails("no arm handshake", "NO_ARM"),
    fails("no settle handshake", "NO_SETTLE"),
    fails("black objects before all are armed", "BLACK_FROM_ARM"),
    fails("new objects white", "NO_ALLOC_BLACK"),
    fails("no flush round", "NO_ROUND"),
    fails("buffers kept in a flush", "NO_BUFFER_FLUSH"),
    fails("grey work kept in a flush", "NO_PUBLISH"),
    fails("next cycle before all disarmed", "NO_DISARM_WAIT"),
    fails("marks in swept spans", "NO_GENERATION"),
    fails("bare initialising stores", "INITIALISING", "NO_INIT_SHADE"),
)
