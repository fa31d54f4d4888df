"""Ground floor: frozen data, protocols and errors. Does no I/O and knows no provider.

By what they are about:

- what is asked: ``item``, ``task``, ``pack``, ``envelope``, ``chat``;
- what an answer must be: ``output`` is the door; behind it ``labels``, ``portable`` (the schema as it is
  sent to a vendor), ``absent`` (the way back from that schema's nulls), ``sure`` (a fast yes to an answer);
- what came of it: ``verdict`` (of a reply), ``result`` (of an input, and of the run), ``evidence``,
  ``signal``, ``route``;
- how a run is to go: ``settings``, ``guard``, ``review``, ``batch``, ``keeping``;
- what it took and what was measured: ``usage``, ``ledger``, ``comparison``, ``audit``, ``calibration``,
  ``evaluation``;
- before it begins: ``advice``, ``facts``, ``quota``, ``ways``;
- seams and mistakes: ``protocols``, ``errors``;
- kept and shown: ``record``, ``written``, ``notebook``, ``notebook_views``, ``visible``, ``counted``;
- made fast, many at a time: ``columns``, ``accepted``.
"""
