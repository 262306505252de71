"""The configurations of the models: which features each has, and what the checker must find.

A sound one is explored to its end and must hold. The others each lack one rule, named by the
switch that takes it away, and must fail: a rule whose absence nobody notices is either not a rule
or not modelled.
"""

from collections import namedtuple

# name: as in docs/correctness.md; defines: for Spin; sound: whether the properties hold;
# full: only run by --full; compact: states are told apart by a hash of 64 bits; deep: so many
# states are visited that it pays to let the compiler optimise the checker; model: the file.
Configuration = namedtuple("Configuration", "name defines sound full compact deep model")

CYCLE = "cycle.pml"
EPHEMERON = "ephemeron.pml"
CLAIM = "claim.pml"
HOME = "home.pml"

TWO = ("OBJECTS=2",)
THREE = ("OBJECTS=3",)


def holds(name, *defines, objects=TWO, full=False, compact=False):
    return Configuration(name, objects + defines, True, full, compact, True, CYCLE)


def fails(name, *defines, objects=TWO, deep=False):
    return Configuration(name, objects + defines, False, False, False, deep, CYCLE)


def alone(model, name, *defines):
    """Of a small model of its own, which is sound without a switch."""
    return Configuration(name, defines, not defines, False, False, False, model)


CONFIGURATIONS = (
    holds("hybrid", "ONE_ROOT"),
    holds("hybrid, two roots each", full=True),
    # Rule 1: the hybrid barrier.
    fails("1: old value not shaded", "NO_DELETION"),
    fails("1: new value not shaded while the stack is grey", "NO_INSERTION"),
    # Rule 2: no stack is black before every barrier is on and every earlier store over.
    fails("2: roots before all are armed", "NO_ARM", "NO_SETTLE"),
    fails("2: no settle", "NO_SETTLE"),
    # Rule 3: the colour of new objects.
    fails("3: new objects white", "NO_ALLOC_BLACK"),
    fails("3: new objects black from arm on", "BLACK_FROM_ARM", deep=True),
    fails("3: white span decided wrongly", "SPANS", "NO_GENERATION"),
    # Rule 4: sweeping.
    holds("sweeping", "SPANS", "ONE_ROOT"),
    fails("4: sweep without claim", "SPANS", "NO_SWEEP_CLAIM"),
    fails("4: begin with unswept spans", "SPANS", "NO_FINISH_SWEEP"),
    fails("4: generation changes before all disarmed", "SPANS", "TURN_BEFORE_DISARM"),
    fails("4: next cycle before all released", "NO_RELEASE_WAIT"),
    # Rule 5: buffers, and the rounds that end marking.
    fails("5: one quiet round", "ROUNDS=1", "ONE_ROOT"),
    fails("5: no round", "NO_ROUND", "LOSS_ONLY"),
    fails("5: buffer kept in a flush", "NO_BUFFER_FLUSH", "LOSS_ONLY"),
    fails("5: private grey kept in a flush", "NO_PUBLISH"),
    fails("5: verdict without what was handed over", "NO_HANDED_OVER", "LOSS_ONLY"),
    holds("handed over in segments", "SEGMENTS", "ONE_ROOT"),
    fails("5: verdict takes the newest segments only", "SEGMENTS", "AS_MANY_AS_COUNTED",
          "LOSS_ONLY"),
    holds("assists", "ASSISTS", "ONE_ROOT", "PLAIN_BUFFERS"),
    holds("assists, segments get full", "ASSISTS", "ONE_ROOT", full=True),
    fails("5: made grey not told", "ASSISTS", "NO_MADE_GREY", "LOSS_ONLY"),
    fails("5: taken grey not told", "ASSISTS", "NO_TAKE_COUNTS", "LOSS_ONLY"),
    fails("2: shading and assists from arm on", "ASSISTS", "GREY_FROM_ARM", "LOSS_ONLY",
          "ONE_ROOT", "PLAIN_BUFFERS", deep=True),
    holds("words that look like references", "GUESSES", "ONE_ROOT"),
    # Rule 8: initialising stores.
    holds("initialising stores", "INITIALISING", "ONE_ROOT"),
    fails("8: bare initialising stores", "INITIALISING", "NO_INIT_SHADE"),
    # Rule 9: global slots, coming and going, weak references.
    holds("global slot, attach and detach", "GLOBALS", "ATTACHING", "ONE_ROOT_EACH",
          "PLAIN_BUFFERS"),
    holds("global slot, attach and detach, segments get full", "GLOBALS", "ATTACHING",
          "ONE_ROOT_EACH", full=True),
    fails("9: global slot not scanned", "GLOBALS", "NO_GLOBAL_SCAN"),
    fails("9: global slot without barrier", "GLOBALS", "NO_GLOBAL_BARRIER"),
    fails("9: attaches without barrier", "GLOBALS", "ATTACHING", "ONE_ROOT_EACH",
          "NO_ATTACH_ARMED"),
    fails("9: attaches and allocates white", "GLOBALS", "ATTACHING", "ONE_ROOT_EACH",
          "NO_ATTACH_BLACK"),
    fails("9: attaches black before roots", "GLOBALS", "ATTACHING", "ATTACH_BLACK_EARLY"),
    fails("9: detaches and drops what it recorded", "GLOBALS", "ATTACHING", "NO_DETACH_FLUSH"),
    fails("9: detaches with private grey", "GLOBALS", "ATTACHING", "NO_DETACH_PUBLISH"),
    # Weak references, and the finalizer that brings their target back.
    holds("weak reference", "WEAK", "ONE_ROOT_EACH", "PLAIN_BUFFERS"),
    holds("weak reference that changes", "WEAK", "RETARGETED", "ONE_ROOT_EACH", "PLAIN_BUFFERS"),
    holds("weak reference, cleared by readers too", "WEAK", "READER_CLEARS", "ONE_ROOT_EACH",
          "PLAIN_BUFFERS", full=True),
    holds("weak reference, more roots", "WEAK", "ONE_ROOT", "PLAIN_BUFFERS", full=True),
    holds("weak reference, words that look like references", "WEAK", "GUESSES", "OWN_SHADING",
          "ONE_ROOT_EACH", full=True),
    holds("weak reference, insertion", "WEAK", "INSERTION", "ONE_ROOT_EACH"),
    holds("weak reference and finalizer", "WEAK", "FINALIZER", "ONE_ROOT_EACH", "PLAIN_BUFFERS"),
    fails("9: weak read not shaded", "WEAK", "NO_WEAK_SHADE", "ONE_ROOT_EACH", "PLAIN_BUFFERS"),
    fails("9: weak read does not disturb", "WEAK", "NO_DISTURB", "ONE_ROOT_EACH", "PLAIN_BUFFERS"),
    fails("9: disturbance forgotten after the round", "WEAK", "DISTURBED_LATE", "ONE_ROOT_EACH",
          "PLAIN_BUFFERS"),
    fails("9: marking ends in two steps", "WEAK", "END_IN_TWO_STEPS", "ONE_ROOT_EACH",
          "PLAIN_BUFFERS"),
    fails("9: weak read after the end yields white", "WEAK", "NO_WEAK_END", "ONE_ROOT_EACH",
          "PLAIN_BUFFERS"),
    fails("9: the end is forgotten before all disarmed", "WEAK", "WORD_RESET_EARLY",
          "ONE_ROOT_EACH", "PLAIN_BUFFERS"),
    fails("9: weak reference not cleared", "WEAK", "NO_CLEAR_PASS", "ONE_ROOT_EACH",
          "PLAIN_BUFFERS"),
    fails("9: weak reference cleared whatever it holds", "WEAK", "RETARGETED", "CLEARED_BY_STORE",
          "ONE_ROOT_EACH", "PLAIN_BUFFERS"),
    fails("9: guesses shaded after the end", "WEAK", "GUESSES", "SHADES_AFTER_END",
          "ONE_ROOT_EACH"),
    fails("9: guesses shaded after a look at the end", "WEAK", "GUESSES", "SHADES_AFTER_TEST",
          "ONE_ROOT_EACH"),
    fails("9: reader does not look again", "WEAK", "FINALIZER", "NO_SECOND_LOAD", "ONE_ROOT_EACH",
          "PLAIN_BUFFERS"),
    fails("9: queued before all it reaches is marked", "WEAK", "FINALIZER", "QUEUED_EARLY",
          "ONE_ROOT", "PLAIN_BUFFERS", deep=True),
    # Ephemerons are noted beside the marking of their keys.
    alone(EPHEMERON, "ephemeron"),
    alone(EPHEMERON, "ephemeron: no second look at the key", "NO_SECOND_LOOK"),
    alone(EPHEMERON, "ephemeron: entered after the second look", "ENTERED_LATE"),
    alone(EPHEMERON, "ephemeron: flag not ordered before the second look", "FLAG_NOT_ORDERED"),
    alone(EPHEMERON, "ephemeron: mark not ordered before the flag", "MARK_NOT_ORDERED"),
    # Objects of a span are claimed beside who holds it.
    alone(CLAIM, "claim"),
    alone(CLAIM, "claim: by the mark", "CLAIMED_BY_MARK"),
    alone(CLAIM, "claim: who scans it counts it", "COUNTED_BY_BOTH"),
    alone(CLAIM, "claim: scanned bits set before the scan", "SCANNED_EARLY"),
    alone(CLAIM, "claim: no look after the span is let go", "NO_LOOK_AFTER"),
    alone(CLAIM, "claim: scanned bits read before marks", "SCANNED_READ_FIRST"),
    # Grey work is sent to the mutators whose objects it is.
    alone(HOME, "home"),
    alone(HOME, "home: answers and keeps what is to be sent", "NO_DELIVERY"),
    alone(HOME, "home: what waits there is not counted", "HOMES_NOT_COUNTED"),
    alone(HOME, "home: closed once open, while work is sent", "CLOSED_WHEN_OPEN"),
    alone(HOME, "home: taken grey not told", "NO_TAKE_COUNTS"),
    alone(HOME, "home: one quiet round", "ONE_ROUND"),
    alone(HOME, "home: never left to others", "NEVER_OPEN"),
    # Mutators that are blocked.
    holds("blocked mutator", "BLOCKING", "ONE_ROOT"),
    fails("unblocks while acted for", "BLOCKING", "ONE_ROOT", "NO_UNBLOCK_WAIT"),
    # The other barrier.
    holds("insertion", "INSERTION"),
    fails("insertion: store not reported", "INSERTION", "NO_INSERTION"),
    fails("insertion: roots scanned once", "INSERTION", "NO_RESCAN"),
    fails("insertion: new objects not scanned", "INSERTION", "NO_NEW_SCAN"),
    fails("insertion: new objects white", "INSERTION", "NO_ALLOC_BLACK"),
    # Not needed within these bounds.
    holds("insertion without settle", "INSERTION", "NO_SETTLE", "ONE_ROOT"),
    holds("detaches and does not tell made grey", "GLOBALS", "ATTACHING", "ONE_ROOT_EACH",
          "PLAIN_BUFFERS", "NO_DETACH_REPORT", full=True),
    holds("three objects", "ONE_ROOT", objects=THREE, full=True, compact=True),
)
