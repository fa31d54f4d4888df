"""The bleed meter: which packed answers are asked again alone, and what the two answers say.

``equal`` compares, ``draw`` chooses, ``rate`` estimates, ``report`` puts it into words, ``watch`` looks on
while a run goes on, ``promise`` holds a pack size against a ceiling. Does not know: calls, stores, or how
anything is asked.
"""
