"""Clusters of two nodes on this machine; a node that is lost is noticed within two seconds."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

_STORE_BYTES = 80 << 20
_QUICK_TO_NOTICE = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 3,
}


@dataclass
class TwoNodes:
    """A cluster with the head as its first node; this process is connected to it."""

    ray: ModuleType
    cluster: Any
    second: Any = None
    """The node beside the head."""

    @property
    def address(self) -> str:
        return self.cluster.address

    def add(self, cpus: int = 1) -> Any:
        """Start a node, and return it when it is there."""
        return self.cluster.add_node(num_cpus=cpus, node_ip_address="127.0.0.1", object_store_memory=_STORE_BYTES)

    def remove(self, node: Any) -> None:
        """Kill all processes of a node at once."""
        self.cluster.remove_node(node, allow_graceful=False)


@contextmanager
def two_nodes(cpus: int = 1, *, connect: bool = True) -> Iterator[TwoNodes]:
    """Start two nodes of so many CPUs, of which nothing listens to the outside, and connect."""
    helpers = str(Path(__file__).parents[1])
    if helpers not in os.environ.get("PYTHONPATH", ""):  # workers get the functions of tests by their names
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), helpers]))
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ["RAY_TQDM_PATCH_PRINT"] = "0"  # else the print of all later tests is another one
    import ray
    from ray.cluster_utils import Cluster

    before = signal.getsignal(signal.SIGTERM)
    cluster = Cluster()
    nodes = TwoNodes(ray, cluster)
    try:
        cluster.add_node(
            num_cpus=cpus,
            node_ip_address="127.0.0.1",
            object_store_memory=_STORE_BYTES,
            include_dashboard=False,
            _system_config=_QUICK_TO_NOTICE,
        )
        nodes.second = nodes.add(cpus)
        if connect:
            ray.init(cluster.address, log_to_driver=False, logging_level="error", _node_ip_address="127.0.0.1")
        yield nodes
    finally:
        ray.shutdown()
        cluster.shutdown()
        signal.signal(signal.SIGTERM, before)
