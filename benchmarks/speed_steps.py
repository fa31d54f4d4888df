"""The splitter's own steps for a good reply one by one, as ``split`` takes them: they have no public door.

Does not know: what is timed, or against what.
"""

from __future__ import annotations

from schemas.chat import Completion
from schemas.pack import Pack
from schemas.signal import Signal
from schemas.verdict import Fault, Reason
from splitter.align import align, align_whole, answers_of
from splitter.parse import parse
from splitter.reading import Reading
from splitter.split import DETECTORS
from splitter.strict import whole
from splitter.validate import fit_all, validate

LOST = Reason(Fault.MISSING, "the reply has no answer for this item")


def read_and_checked(pack: Pack[object], text: str) -> list[object]:
    """Parse, align, validate: a value an item, or the reason why there is none; bleed is not looked for."""
    read = whole(text, pack.handles, surely=False)
    if read is not None:
        if (told := answers_of(pack, read.contents)) is not None:
            answers, keys = told
            if (fit := fit_all(answers, pack.task, read, keys=keys, bound=False)) is not None:
                return list(fit)
        if read.certain():
            seats = align_whole(pack, read.contents)
            return [validate(seat, pack.task, plain=read.plain, shallow=read.shallow) for seat in seats]
    return [validate(seat, pack.task) for seat in seated(pack, Completion(text)).seats]


def seated(pack: Pack[object], completion: Completion) -> Reading:
    """A reply as the detectors are given it; whatever they work out of it is worked out anew."""
    read = whole(completion.text, pack.handles)
    if read is not None:
        return Reading(pack, (), tuple(align_whole(pack, read.contents)), one_to_one=True)
    parsed = parse(completion.text, pack.handles)
    return Reading(pack, parsed.entries, tuple(align(pack, parsed.entries, LOST)))


def detected(reading: Reading) -> list[Signal]:
    """What all detectors find; as ``split`` does, none is asked where surely none finds anything."""
    if reading.quiet:
        return []
    return [signal for detector in DETECTORS for signal in detector.detect(reading)]


def is_value(found: object) -> bool:
    """Whether a step ended in a value."""
    return not isinstance(found, Reason)
