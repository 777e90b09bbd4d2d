"""Checkpoints as training tools write them, with objects of classes that are not there when they are read."""

import argparse
import collections
import contextlib
import functools
import pathlib
import random
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch

State = dict[str, torch.Tensor]


@contextlib.contextmanager
def foreign_classes(*names: str) -> Iterator[list[type]]:
    """Make classes of these full names, in modules that are gone afterwards: pickles find them only meanwhile."""
    modules: dict[str, ModuleType] = {}
    classes = []
    for full in names:
        place, _, name = full.rpartition(".")
        parts = place.split(".")
        for end in range(1, len(parts) + 1):
            modules.setdefault(".".join(parts[:end]), ModuleType(".".join(parts[:end])))
        own = type(name, (dict,) if name.endswith("Dict") else (), {"__module__": place, "__qualname__": name})
        setattr(modules[place], name, own)
        classes.append(own)
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield classes
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def having(of: type, **fields: Any) -> Any:
    """Return an object of a class with these fields."""
    made = of()
    made.__dict__.update(fields)
    return made


def prefixed(state: State, prefix: str) -> State:
    """Return the state dict under names that begin with a prefix."""
    return {prefix + name: tensor for name, tensor in state.items()}


def optimizer(state: State) -> dict[str, Any]:
    """Return what an optimizer keeps for these parameters."""
    moments = {
        number: {"step": torch.tensor(9.0), "exp_avg": torch.zeros_like(tensor), "exp_avg_sq": torch.ones_like(tensor)}
        for number, tensor in enumerate(state.values())
    }
    return {"state": moments, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999), "params": list(moments)}]}


def lightning(state: State, write: Callable[[Any], None]) -> None:
    """Write what Lightning does, of a module that keeps its network as `model` and its loss beside."""
    names = ("lightning_fabric.utilities.data.AttributeDict", "pytorch_lightning.callbacks.Timer")
    with foreign_classes(*names, "project.losses.Dice", "project.losses.Make") as (attributes, timer, loss, make):
        hyper = attributes(lr=1e-3, loss=having(loss, weight=torch.ones(3)), make=functools.partial(make, base=2))
        write(
            {
                "epoch": 3,
                "global_step": 120,
                "pytorch-lightning_version": "2.5.0",
                "state_dict": prefixed(state, "model.") | {"loss.weight": torch.ones(3)},
                "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4}}}},
                "callbacks": {
                    "ModelCheckpoint{'monitor': 'miou'}": {
                        "best_model_score": torch.tensor(0.7),
                        "dirpath": pathlib.PosixPath("/runs"),
                        "kth_value": np.float64(0.7),
                    },
                    "timer": having(timer, spent=collections.deque([1])),
                },
                "optimizer_states": [optimizer(state)],
                "lr_schedulers": [{"last_epoch": 3, "_last_lr": [1e-4]}],
                "hparams_name": "kwargs",
                "hyper_parameters": hyper,
            }
        )


def mmengine(state: State, write: Callable[[Any], None]) -> None:
    """Write what mmengine does: versions 1 of its family."""
    with foreign_classes("mmengine.logging.history_buffer.HistoryBuffer") as (buffer,):
        history = having(
            buffer, _max_length=1000000, _log_history=np.linspace(2, 1, 50), _count_history=np.ones(50, np.int64)
        )
        meta = {"classes": ("road", "sky", "tree"), "palette": [[128, 64, 128], [70, 130, 180], [107, 142, 35]]}
        write(
            {
                "meta": {"epoch": 0, "iter": 160000, "cfg": "model = dict(type='X')", "dataset_meta": meta, "seed": 7},
                "state_dict": collections.OrderedDict(state),
                "message_hub": {
                    "log_scalars": {"train/loss": history},
                    "runtime_info": {"iter": 160000, "last_step": {"mIoU": np.float32(77.5)}},
                    "resumed_keys": {"train/loss": True},
                },
                "optimizer": optimizer(state),
                "param_schedulers": [{"base_values": [6e-5], "last_step": 160000}],
            }
        )


def mmseg_of_old(state: State, write: Callable[[Any], None]) -> None:
    """Write what versions 0 of mmsegmentation do."""
    meta: dict[str, Any] = {"mmseg_version": "0.30.0", "CLASSES": ["road", "sky", "tree"], "PALETTE": np.zeros((3, 3))}
    meta |= {"env_info": "sys.platform: linux", "hook_msgs": {"best_score": np.float64(0.7)}}
    write({"meta": meta, "state_dict": collections.OrderedDict(state), "optimizer": optimizer(state)})


def timm(state: State, write: Callable[[Any], None]) -> None:
    """Write what timm's training script does, without a second set of weights."""
    args = argparse.Namespace(model="net", lr=0.1, opt_betas=None, output=pathlib.PosixPath("out"))
    content = {"epoch": 9, "arch": "net", "state_dict": state, "optimizer": optimizer(state), "version": 2}
    write(content | {"args": args, "amp_scaler": {"scale": 65536.0}, "metric": np.float64(71.2)})


def parallel(state: State, write: Callable[[Any], None]) -> None:
    """Write what a script of one's own does on several GPUs, with the states of random numbers."""
    with foreign_classes("utils.config.Config") as (config,):
        randomness = {"python": random.getstate(), "torch": torch.get_rng_state()}
        randomness["numpy"] = np.random.default_rng(1).bit_generator.state
        write(
            {"net": prefixed(state, "module."), "cfg": having(config, lr=1), "rng": randomness, "best": np.float64(1)}
        )


def deepspeed(state: State, write: Callable[[Any], None]) -> None:
    """Write what DeepSpeed does into `mp_rank_00_model_states.pt`."""
    with foreign_classes("deepspeed.runtime.zero.config.DeepSpeedZeroConfig") as (config,):
        shapes = [collections.OrderedDict((name, tensor.shape) for name, tensor in state.items())]
        content = {"module": collections.OrderedDict(state), "buffer_names": [], "optimizer": None}
        content |= {"param_shapes": shapes, "sparse_tensor_module_names": set(), "global_steps": 5}
        write(
            content | {"ds_config": {"zero": having(config, stage=2)}, "ds_version": "0.16.0", "dtype": torch.float16}
        )


def hydra(state: State, write: Callable[[Any], None]) -> None:
    """Write weights with the configuration of OmegaConf beside them."""
    with foreign_classes("omegaconf.dictconfig.DictConfig", "omegaconf.base.Metadata") as (config, metadata):
        cfg = having(config, _metadata=having(metadata, ref_type=Any), _content={"lr": 1})
        write({"model_state_dict": state, "cfg": cfg, "epoch": 1, "device": torch.device("cuda:0")})


def averaged(state: State, write: Callable[[Any], None]) -> None:
    """Write an averaged model of torch beside classes and functions by name."""
    content = {"n_averaged": torch.tensor(7)} | prefixed(state, "module.")
    write({"ema": content, "optimizer_class": torch.optim.AdamW, "time": np.datetime64("2026-01-01")})


def detectron2(state: State, write: Callable[[Any], None]) -> None:
    """Write what detectron2's checkpointer does."""
    write({"model": state, "optimizer": optimizer(state), "scheduler": {"last_epoch": 1}, "iteration": 90000})


TOOLS = (lightning, mmengine, mmseg_of_old, timm, parallel, deepspeed, hydra, averaged, detectron2)
