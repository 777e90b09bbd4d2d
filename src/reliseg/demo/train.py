"""Trains the demo's network on clear scenes: `python -m reliseg.demo.train [--out PATH] [--steps N]`."""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from reliseg.demo.network import CLASSES, WEIGHTS, build, normalise, upsample
from reliseg.demo.world.scenes import draw
from reliseg.labels import VOID
from reliseg.types import Float32, Int64, UInt8

FIRST_SEED = 100_000
"""Scenes from here on are for training; the demo draws from 0 to 9999."""
DRAWERS = 2
"""Processes that draw. Training itself uses one thread: its sums then have one order on every machine."""
CROP = (160, 320)


def _draw_pair(seed: int) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    scene = draw(seed, "clear")
    return scene.image, scene.truth


def scenes(count: int) -> tuple[UInt8[Tensor, "n 3 h w"], UInt8[Tensor, "n h w"]]:
    """Draw training scenes in two processes; what is no class is void."""
    with ProcessPoolExecutor(DRAWERS, get_context("spawn")) as pool:
        pairs = list(pool.map(_draw_pair, range(FIRST_SEED, FIRST_SEED + count), chunksize=16))
    images = torch.from_numpy(np.stack([image for image, _ in pairs]).transpose(0, 3, 1, 2).copy())
    truths = np.stack([truth for _, truth in pairs])
    return images, torch.from_numpy(np.where(truths >= CLASSES, VOID, truths).astype(np.uint8))


def batches(count: int, steps: int, size: int, seed: int) -> Int64[np.ndarray, "s b"]:
    """Return the scenes of every step, from as many shuffled rounds through all of them as it takes."""
    rng = np.random.default_rng(seed)
    rounds = -(-steps * size // count)
    order = np.concatenate([rng.permutation(count) for _ in range(rounds)])
    return order[: steps * size].reshape(steps, size)


def random_crops(
    images: UInt8[Tensor, "n 3 h w"],
    truths: UInt8[Tensor, "n h w"],
    indices: Int64[np.ndarray, " b"],
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Crop the scenes at random places; mirror half of them."""
    pictures, labels = [], []
    for index in indices:
        top, left = (int(rng.integers(0, whole - part + 1)) for whole, part in zip(truths.shape[1:], CROP, strict=True))
        window = (slice(top, top + CROP[0]), slice(left, left + CROP[1]))
        picture, label = images[int(index)][(slice(None), *window)], truths[int(index)][window]
        if rng.random() < 0.5:
            picture, label = picture.flip(-1), label.flip(-1)
        pictures.append(picture)
        labels.append(label)
    return normalise(torch.stack(pictures).float() / 255), torch.stack(labels).long()


def balance(truths: UInt8[Tensor, "n h w"]) -> Float32[Tensor, " c"]:
    """Return weights of the classes: their share of the pixels to the power of -1/4, 1 on average over pixels."""
    counts = torch.bincount(truths.flatten().int(), minlength=256)[:CLASSES].double()
    share = counts / counts.sum()
    weights = share.clamp_min(1e-4) ** -0.25
    return (weights / (weights * share).sum()).float()


def train(steps: int, count: int, size: int, seed: int) -> nn.Module:
    """Train with AdamW, one cycle, on cross-entropy of the logits brought to half the image's size.

    At each step one of the four half-size grids of the annotation is compared. The weights returned are an
    exponential average over the last steps.
    """
    torch.manual_seed(seed)
    network = build().train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    blend = get_ema_multi_avg_fn(0.99)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=blend, use_buffers=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 4e-3, total_steps=steps, pct_start=0.15, final_div_factor=1e4
    )
    start = time.perf_counter()
    images, truths = scenes(count)
    print(f"{count} scenes drawn in {time.perf_counter() - start:.0f} s", flush=True)
    weights = balance(truths)
    rng = np.random.default_rng([seed, 1])
    for step, indices in enumerate(batches(count, steps, size, seed), 1):
        pictures, labels = random_crops(images, truths, indices, rng)
        logits = network(pictures.contiguous(memory_format=torch.channels_last))
        top, left = (int(value) for value in rng.integers(0, 2, 2))
        half_labels = labels[:, top::2, left::2]
        loss = functional.cross_entropy(upsample(logits, 2), half_labels, weights, ignore_index=VOID)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        average.update_parameters(network)
        if step % 50 == 0 or step == steps:
            print(f"step {step}/{steps}  loss {loss.item():.4f}  {time.perf_counter() - start:.0f} s", flush=True)
    trained: nn.Module = average.module
    return trained


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--steps", type=int, default=3600)
    parser.add_argument("--scenes", type=int, default=900)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.use_deterministic_algorithms(True)
    network = train(args.steps, args.scenes, args.batch, args.seed)
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    notes = {"steps": args.steps, "scenes": args.scenes, "batch": args.batch, "seed": args.seed}
    save_file(state, args.out, {"training": json.dumps(notes)})  # one key: several come in random order
    print(f"{sum(value.numel() for value in state.values())} numbers in {args.out}")


if __name__ == "__main__":
    main()
