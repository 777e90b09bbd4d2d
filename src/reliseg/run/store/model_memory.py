"""Models, loaded when they are needed: what is known of them is remembered, so that what is stored needs no network."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reliseg.calibration.records.seal import seal_of
from reliseg.errors import ConfigError, ReliSegError
from reliseg.labels import LabelSpace
from reliseg.models import Model
from reliseg.plan.plan import ModelSource
from reliseg.run.depot.base import Depot, LocalDepot
from reliseg.run.hashes import InputHashes
from reliseg.run.predict.model_facts import ModelFacts
from reliseg.run.store.made import installed_versions
from reliseg.runtime.atomic_files import write_text
from reliseg.runtime.checked import checker
from reliseg.runtime.regular_files import holds, read_regular

_LARGEST = 1 << 26
_PACKAGES = (
    *("reliseg", "numpy", "torch", "transformers", "onnxruntime", "torchvision", "timm", "safetensors"),
    *("segmentation-models-pytorch", "onedl-mmsegmentation", "onedl-mmcv", "onedl-mmengine", "onedl-mmpretrain"),
)
"""Their versions may be facts of a model, or decide them."""
_PLACES = ("HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "TORCH_HOME")
"""Variables that say where libraries look for what a configuration names without a path."""


class ModelHandle:
    """A model of a plan, loaded when it is needed, and what is known of it before."""

    def __init__(self, source: ModelSource, memory: "ModelMemory", model: Model | None = None) -> None:
        self._source = source
        self._memory = memory
        self._model = model
        self._facts: ModelFacts | None = None
        self._is_recalled = False

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self._source.name

    @property
    def is_loaded(self) -> bool:
        """True if using it takes no time."""
        return self._model is not None

    @property
    def model(self) -> Model:
        """The model itself; a ConfigError where it computes on another device than the one that was remembered."""
        if self._model is None:
            before = self._facts if self._is_recalled else None
            self.use(self._source.load())
            self.remember()
            if before is not None and (was := _device(before)) != (now := _device(self.facts)):
                raise ConfigError(
                    f"{self.name}: it computes on {now} now, and on {was} when it was loaded last, as of which what is "
                    "stored was looked at; give --device to choose, or start the same command again to go on so"
                )
        assert self._model is not None
        return self._model

    @property
    def facts(self) -> ModelFacts:
        """What is known of it: from memory, or from the model itself."""
        known = self.known()
        if known is None:
            known = self._facts = ModelFacts.of(self.model)
        return known

    def known(self) -> ModelFacts | None:
        """Return what is known without loading a network; None where that is nothing."""
        if self._facts is None:
            if not self._source.described:
                self.use(self._source.load())  # it is in memory
            else:
                self._facts = self._memory.facts(self._source)
                self._is_recalled = True
        return self._facts

    def recall(self) -> None:
        """Go by what is remembered also of a model that may be another by now, because files do not say all of it."""
        if self._facts is None and self._source.described:
            self._facts = self._memory.facts(self._source, whatever=True)
            self._is_recalled = True

    def load_if_untold(self) -> None:
        """Load the model, and drop it, where it is remembered and may be another by now."""
        if self.known() is None and self._memory.facts(self._source, whatever=True) is not None:
            self.load_if_unknown()

    def use(self, model: Model) -> None:
        """Go on with a model that was loaded elsewhere."""
        self._model = model
        self._facts = ModelFacts.of(model)
        self._is_recalled = False

    def remember(self) -> None:
        """Keep what is known of the model, if it is loaded, for later runs."""
        if self._model is not None:
            self._memory.keep(self._source, self.facts)

    def load_if_unknown(self) -> None:
        """Load the model if nothing is known of it, remember what is known then, and drop it."""
        if self.known() is None:
            self.use(self._source.load())
            self.remember()
            self.let_go()

    def let_go(self) -> None:
        """Drop the model: its memory is free when nobody else holds it; what is known of it stays."""
        if self._source.described:
            self._model = None


@dataclass(frozen=True, eq=False)
class ModelMemory:
    """Facts of models by how a configuration describes them, in a run's folder."""

    folder: Path
    hashes: InputHashes
    depot: Depot = field(default_factory=LocalDepot)

    def facts(self, source: ModelSource, *, whatever: bool = False) -> ModelFacts | None:
        """Return what was known of the model, if its files hold what they held; None where that cannot be told.

        `whatever` else may say what it is: code.
        """
        if not source.described or self.hashes.verify:
            return None
        try:
            outer: Any = json.loads(read_regular(self._file(source), _LARGEST))
            content, seal = outer["facts"], outer["sha256"]
            if seal != seal_of(content):
                return None
            state = self._state([Path(path) for path in content["paths"]])
            if content["state"] != state:
                return None
            facts = checker(ModelFacts).validate_python(_thawed(content["model"]))
        except (OSError, ValueError, LookupError, TypeError, RecursionError, ValidationError, ReliSegError):
            return None
        return facts if facts.is_told or whatever else None

    def keep(self, source: ModelSource, facts: ModelFacts) -> None:
        """Remember what is known of a model that was loaded."""
        if not source.described:  # it is in memory
            return
        paths = [path.absolute() for path in (*facts.files, *map(Path, facts.code_files))]
        try:
            content = {"model": _frozen(facts), "paths": list(map(str, paths)), "state": self._state(paths)}
        except (OSError, ReliSegError, TypeError, ValueError):  # files that are gone, or values that JSON has not
            return
        path, text = self._file(source), json.dumps({"facts": content, "sha256": seal_of(content)})
        if not holds(path, text.encode()):
            write_text(path, text)
            self.depot.put(path)

    def _file(self, source: ModelSource) -> Path:
        text = json.dumps([source.described, installed_versions(_PACKAGES), [os.environ.get(name) for name in _PLACES]])
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"

    def _state(self, files: list[Path]) -> list[Any]:
        """Return the content of files, and the names beside them: one that comes there may be loaded instead."""
        beside = {str(folder): _names(folder) for folder in sorted({file.parent for file in files})}
        digest = hashlib.sha256(json.dumps(beside).encode()).hexdigest()
        return [self.hashes.of_files(files), digest]


def _device(facts: ModelFacts) -> str:
    """Return what a network computes on; nothing where there is none."""
    return str(facts.provenance.get("device", ""))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith((".", "__")))


def _frozen(facts: ModelFacts) -> dict[str, Any]:
    """Return the facts as JSON values, in which nothing is lost."""
    content = asdict(facts)
    content["labels"] |= {"absent": sorted(facts.labels.absent)}
    frozen: dict[str, Any] = json.loads(json.dumps(content))
    return frozen


def _thawed(content: Mapping[str, Any]) -> dict[str, Any]:
    labels = dict(content["labels"])
    return dict(content) | {"labels": LabelSpace(**_tuples(labels) | {"absent": frozenset(labels["absent"])})}


def _tuples(labels: dict[str, Any]) -> dict[str, Any]:
    return labels | {"classes": tuple(labels["classes"]), "palette": tuple(map(tuple, labels["palette"]))}
