"""For Ray Data, Spark, Dask and whatever maps a function over batches: ``PackRows``.

Ray Data's own adapter is ``packer.out.engines.ray_data``.
"""

from packer.out.engines.pack_rows import PackRows

__all__ = ["PackRows"]
