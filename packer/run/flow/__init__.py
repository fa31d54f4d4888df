"""The life of a run's packs without I/O: asks go out, replies come in, settled items come out."""
