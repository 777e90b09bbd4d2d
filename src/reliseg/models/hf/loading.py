"""A model of transformers with all that was read for it: configuration, processor, classes, weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from reliseg.errors import ModelError, count_text, shortlist
from reliseg.labels import LabelSpace
from reliseg.models.base import ModelOptions
from reliseg.models.checkpoints import archives, shards
from reliseg.models.file_hashes import hash_files
from reliseg.models.hf import library, task_tokens
from reliseg.models.hf.classes import model_labels
from reliseg.models.hf.families import Runner, Size, family_of, own_size
from reliseg.models.hf.preparation import Needs, mask_order, prepared, size_note
from reliseg.models.hf.processor import Processor, guess_note, read_processor
from reliseg.models.hf.stored_names import load_under_either_name
from reliseg.models.options import MaskOrder
from reliseg.runtime import torch_settings
from reliseg.runtime.printable import printable


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network on the CPU, how images are prepared for it, its classes, and what a result must say of it."""

    runner: Runner
    preparation: Processor
    labels: LabelSpace
    remarks: tuple[str, ...]
    """What a user should know of its classes, its sizes and its code."""
    facts: Mapping[str, Any]
    order: MaskOrder | None = None
    """Of mask classification; None for networks that give logits."""
    own: Size | None = None
    """The size of the network, where it takes no other."""
    has_own_code: bool = False
    """Nobody here knows what its outputs cover; those of transformers' own families cover what the network saw."""


def load(options: ModelOptions) -> Loaded:
    """Read a model; nothing of it is run, but for code of its own if `trust_remote_code` is named."""
    own_weights = options.weights_file()
    revision, trusted = _arguments(options)
    with library.silence(), torch_settings.inference_settings(options.threads):
        where = library.find_model(options.name, options.where, options.folder)
        config = library.read_config(options.name, where, revision, trusted=trusted)
        own_code = trusted and bool(getattr(config, "auto_map", None))
        family = family_of(config, own_code=own_code)
        stored = read_processor(options.name, where, revision, config.model_type)
        labels, remarks = model_labels(options, config, reduced=stored.reduces_labels)
        order, own = mask_order(family, options), own_size(family, config)
        preparation = prepared(stored, options, Needs(family, own, order))
        unused: list[str] = []
        if own_weights and not library.has_weights(where):
            model = library.build_model(options.name, config, trusted=trusted)
        else:
            model, unused = library.read_model(options.name, where, revision, config, trusted=trusted)
        files = library.model_files(where, revision)
        for file in (f for f in files if is_zipfile(f)):  # torch does not look at the checksums
            archives.check_archive(file)
        task = None
        if config.model_type == "oneformer" and not own_code:
            task = task_tokens.read_task_tokens(options.name, where, revision, config)
            files += task_tokens.tokenizer_files(where, revision)
    place, no_place = None, _unused_note(unused)
    if own_weights:
        no_place = []
        loaded = load_under_either_name(model, own_weights, options.key)
        place, remarks = loaded.place, (*remarks, *loaded.notes())
        files += shards.checkpoint_files(own_weights)
    code = library.code_files(model, config) if trusted else []
    facts = {
        "processor": asdict(preparation),
        "weights": place,
        **library.facts(model, files),
        **({"takes": family.sizes} if family.sizes != "any" else {}),
        **({"task": task_tokens.TASK} if task is not None else {}),
        **({"trust_remote_code": [file.name for file in code]} if trusted else {}),
        "files": hash_files([*files, *code]),
    }
    guess = None if options.mean and options.std else guess_note(stored, config.model_type)
    said = (*([guess] if guess else []), *size_note(family, options, preparation.size), *_code_note(trusted, code))
    remarks = (*remarks, *no_place, *said)
    return Loaded(Runner(model, family, task), preparation, labels, remarks, facts, order, own, own_code)


def _unused_note(names: list[str]) -> list[str]:
    """Return a line about weights that a network has no place for: its configuration may be that of a smaller one."""
    if not names:
        return []
    return [
        f"leaves out {count_text(len(names), 'tensor')} of its weights: {printable(shortlist(names))}; if these belong "
        "to the network, its config.json is that of another one, for example of fewer layers"
    ]


def _code_note(trusted: bool, code: list[Path]) -> list[str]:
    if not trusted:
        return []
    named = ", ".join(file.name for file in code)
    return [f"runs code that came with it: {named}" if code else "brings no code, so trust_remote_code changes nothing"]


def _arguments(options: ModelOptions) -> tuple[str | None, bool]:
    """Return the revision and whether code of the model is trusted; a ModelError for any other argument."""
    options.refuse_unknown_args(("revision", "trust_remote_code"))
    revision, trusted = options.args.get("revision"), options.args.get("trust_remote_code", False)
    if not isinstance(trusted, bool):
        raise ModelError(f"model {options.name}: trust_remote_code is {trusted!r}; write true or false")
    return None if revision is None else str(revision), trusted
