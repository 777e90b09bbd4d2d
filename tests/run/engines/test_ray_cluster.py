"""The connection to Ray, and what stays of it."""

import signal
import sys
from pathlib import Path

import pytest

from reliseg.errors import ConfigError, MissingExtraError
from reliseg.run.engines.ray_cluster import nodes_text, ray_cluster, resources_text


def node(cpus: float, gpus: float = 0, *, alive: bool = True) -> dict[str, object]:
    return {"Alive": alive, "Resources": {"CPU": cpus, "GPU": gpus, "memory": 1e9}}


def test_resources_are_said_with_their_amounts():
    assert resources_text({"CPU": 2, "GPU": 0.5}) == "2 CPU and 0.5 GPU"
    assert resources_text({"CPU": 1, "GPU": 0}) == "1 CPU"


def test_nodes_are_counted_by_what_they_have():
    nodes = [node(4, 1), node(4, 1), node(2), node(64, 8, alive=False)]
    assert nodes_text(nodes) == "2 nodes with 4 CPU and 1 GPU, 1 node with 2 CPU"


def test_where_ray_is_not_installed_the_command_that_brings_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(MissingExtraError, match=r"^--engine ray needs ray: pip install 'reliseg\[ray\]'$"),
        ray_cluster(None, 1),
    ):
        pass


@pytest.mark.ray
@pytest.mark.slow
def test_a_cluster_of_its_own_ends_without_a_trace(capfd, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before, folders = signal.getsignal(signal.SIGTERM), set(Path("/tmp").glob("reliseg-ray-*"))
    with ray_cluster(None, cpus=3) as ray:
        assert ray.cluster_resources()["CPU"] >= 3
        assert signal.getsignal(signal.SIGTERM) is before
        assert {n["NodeManagerAddress"] for n in ray.nodes()} == {"127.0.0.1"}
    assert not ray.is_initialized()
    assert set(Path("/tmp").glob("reliseg-ray-*")) == folders
    assert signal.getsignal(signal.SIGTERM) is before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("by", ["option", "environment"])
def test_an_address_without_a_cluster_is_named(monkeypatch, by):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1" if by == "environment" else "")
    with (
        pytest.raises(ConfigError, match=r"cannot connect to Ray at 127.0.0.1:1 .*give the --address"),
        ray_cluster(None if by == "environment" else "127.0.0.1:1", cpus=1),
    ):
        pass
