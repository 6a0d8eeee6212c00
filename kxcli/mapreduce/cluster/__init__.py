"""Runs a job on the workers of a Dask cluster.

Tasks are described, not shipped: a worker reads the part of the input that a task names, and must see it under the
same path.  What a task carries (lines of a stream, rows) goes along with it.  Consecutive tasks make a batch, which a
worker maps and merges; partials are split by key, and merged part by part in a tree, on the workers.

What crosses between this process, the scheduler and the workers is pickled: Dask's protocol is made of that, so a
cluster has to be one that its user trusts, as all who reach its port can run code there.  Partials cross as the job
dumps them, and are loaded without unpickling.
"""

from kxcli.mapreduce.cluster.engine import ClusterEngine

__all__ = ["ClusterEngine"]
