"""Runs a job on the workers of a Dask cluster.

Tasks are described, not sent: a worker reads the part of the input that a task names, and has to see it under the same
path. The payload of a task (lines of a stream, rows) is sent with it. Consecutive tasks make a batch, which a worker
maps and merges. Partials are split by key, and merged part by part in a tree, on the workers.

Messages between this process, the scheduler and the workers are pickles, as Dask's protocol requires. So a cluster has
to be trusted by its user: anyone who reaches its port can run code there. Partials are sent as the job dumps them, and
are loaded without unpickling.
"""

from kxcli.mapreduce.cluster.engine import ClusterEngine

__all__ = ["ClusterEngine"]
