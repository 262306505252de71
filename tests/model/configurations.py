"""The configurations of cycle.pml: which features each has, and what the checker must find.

A sound one is explored to its end and must hold. The others each lack one rule, named by the
switch that takes it away, and must fail: a rule whose absence nobody notices is either not a rule
or not modelled.
"""

from collections import namedtuple

# name: as in docs/correctness.md; defines: for Spin; sound: whether the properties hold;
# full: only run by --full; compact: states are told apart by a hash of 64 bits.
Configuration = namedtuple("Configuration", "name defines sound full compact")

TWO = ("OBJECTS=2",)
THREE = ("OBJECTS=3",)


def holds(name, *defines, objects=TWO, full=False, compact=False):
    return Configuration(name, objects + defines, True, full, compact)


def fails(name, *defines, objects=TWO):
    return Configuration(name, objects + defines, False, False, False)


CONFIGURATIONS = (
    holds("hybrid"),
    fails("old value not shaded", "NO_DELETION"),
    fails("new value not shaded while the stack is grey", "NO_INSERTION"),
    fails("roots before all are armed", "NO_ARM", "NO_SETTLE"),
    fails("no settle", "NO_SETTLE"),
    fails("black from arm on", "BLACK_FROM_ARM"),
    fails("new objects white", "NO_ALLOC_BLACK"),
    fails("marked in swept spans", "NO_GENERATION"),
    fails("no flush round", "NO_ROUND"),
    fails("one quiet round", "ROUNDS=1", "ONE_ROOT"),
    fails("buffer kept in a flush", "NO_BUFFER_FLUSH"),
    fails("private grey kept in a flush", "NO_PUBLISH"),
    fails("next cycle before all disarmed", "NO_DISARM_WAIT"),
    fails("bare initialising stores", "INITIALISING", "NO_INIT_SHADE"),

    holds("global slot", "GLOBALS", "ONE_ROOT_EACH"),
    holds("global slot, more roots", "GLOBALS", "ONE_ROOT", full=True),
    fails("global slot not scanned", "GLOBALS", "NO_GLOBAL_SCAN"),
    fails("global slot without barrier", "GLOBALS", "NO_GLOBAL_BARRIER"),

    holds("assists", "ASSISTS", "ONE_ROOT"),
    fails("made grey not told", "ASSISTS", "NO_MADE_GREY", "LOSS_ONLY"),
    fails("taken grey not told", "ASSISTS", "NO_TAKE_COUNTS", "LOSS_ONLY"),
    fails("assist before roots", "ASSISTS", "EARLY_ASSIST", "LOSS_ONLY"),

    holds("initialising stores", "INITIALISING", "ONE_ROOT"),

    holds("sweeping", "SPANS", "ONE_ROOT"),
    fails("sweep without claim", "SPANS", "NO_SWEEP_CLAIM"),
    fails("begin with unswept spans", "SPANS", "NO_FINISH_SWEEP"),
    fails("span's generation ignored by allocation", "SPANS", "NO_GENERATION"),
    fails("span's generation ignored by shading", "SPANS", "NO_SHADE_GENERATION"),
    fails("generation read before the mark", "SPANS", "GENERATION_FIRST"),

    holds("weak reference", "WEAK", "ONE_ROOT"),
    fails("weak read not shaded", "WEAK", "NO_WEAK_SHADE"),
    fails("weak read does not disturb", "WEAK", "NO_DISTURB"),
    fails("disturbance forgotten between the rounds", "WEAK", "ONE_ROOT", "DISTURBED_PER_ROUND"),
    fails("weak read after the end yields white", "WEAK", "NO_WEAK_END"),

    holds("blocked mutator", "BLOCKING", "ONE_ROOT"),
    fails("unblocks while acted for", "BLOCKING", "ONE_ROOT", "NO_UNBLOCK_WAIT"),

    holds("attach and detach", "GLOBALS", "ATTACHING", "ONE_ROOT_EACH"),
    holds("attach and detach, more roots", "GLOBALS", "ATTACHING", "ONE_ROOT", full=True),
    fails("attaches without barrier", "GLOBALS", "ATTACHING", "NO_ATTACH_ARMED"),
    fails("detaches with a full buffer", "GLOBALS", "ATTACHING", "NO_DETACH_FLUSH"),
    fails("detaches with private grey", "GLOBALS", "ATTACHING", "NO_DETACH_PUBLISH"),
    holds("detaches with made grey", "GLOBALS", "ATTACHING", "ONE_ROOT_EACH", "NO_DETACH_REPORT",
          full=True),

    holds("insertion", "INSERTION"),
    holds("three objects", "ONE_ROOT", objects=THREE, full=True, compact=True),
    fails("insertion: store not reported", "INSERTION", "NO_INSERTION"),
    fails("insertion: roots scanned once", "INSERTION", "NO_RESCAN"),
    fails("insertion: new objects not scanned", "INSERTION", "NO_NEW_SCAN"),
    fails("insertion: new objects white", "INSERTION", "NO_ALLOC_BLACK"),
    holds("insertion, no settle", "INSERTION", "NO_SETTLE"),
)
