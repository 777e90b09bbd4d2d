"""The pooled deepest feature map of any torch module, chosen by looking at its layers once."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

from reliseg.errors import ModelError, suggestion
from reliseg.types import Float


@dataclass(frozen=True, eq=False)
class Tap:
    """A module, and the name of the layer whose output is pooled (mean over positions); of several, the last one."""

    module: nn.Module
    layer: str

    @classmethod
    def at_layer(cls, module: nn.Module, layer: str) -> "Tap":
        """Tap the layer of this name; a ModelError suggests the nearest name if there is none."""
        names = [name for name, _ in module.named_modules() if name]
        if layer not in names:
            near_names = {*names[-20:], *get_close_matches(layer, names, n=1)}  # a network has hundreds
            raise ModelError(f"no layer {layer!r} to take the feature from; {suggestion(layer, near_names)}")
        return cls(module, layer)

    @classmethod
    def at_deepest_map(cls, module: nn.Module, run: Callable[[], object]) -> "Tap | None":
        """Tap the layer with the smallest feature map, of those the one with most channels, of those the last.

        `run` calls the module once. The output of the module itself does not count; None if there is no other map.
        """
        maps: list[tuple[int, int, int, str]] = []

        def observe(name: str) -> Callable[[nn.Module, Any, Any], None]:
            def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
                if isinstance(output, Tensor) and output.ndim == 4:
                    area, channels = output.shape[2] * output.shape[3], output.shape[1]
                    maps.append((-area, channels, len(maps), name))

            return hook

        leaves = [(name, layer) for name, layer in module.named_modules() if name and not any(layer.children())]
        handles = [layer.register_forward_hook(observe(name)) for name, layer in leaves]
        try:
            run()
        finally:
            for handle in handles:
                handle.remove()
        # The last layer gives the logits; a map of one position is a gate or a pooled context, not a feature map.
        candidates = [entry for entry in maps[:-1] if entry[0] < -1] or maps[:-1]
        return cls(module, max(candidates)[3]) if candidates else None

    def __call__(self, pixels: Float[Tensor, "n 3 h w"]) -> tuple[Any, Float[Tensor, "n f"] | None]:
        """Return the module's output, and the pooled feature of each image."""
        pooled: list[Tensor] = []

        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            last = output[-1] if isinstance(output, list | tuple) and output else output
            if isinstance(last, Tensor) and last.ndim == 4:
                pooled.append(last.mean(dim=(2, 3)))

        handle = self.module.get_submodule(self.layer).register_forward_hook(hook)
        try:
            output = self.module(pixels)
        finally:
            handle.remove()
        return output, pooled[-1] if pooled else None


def trial_call(module: nn.Module, device: torch.device, size: tuple[int, int]) -> Callable[[], object]:
    """Return a function that calls the module on one image of zeros."""

    def run() -> object:
        with torch.inference_mode():
            return module(torch.zeros(1, 3, *size, device=device))

    return run
