"""The text that tells OneFormer what to do, in the tokens of its own vocabulary."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer
from transformers.utils import cached_file

from reliseg.errors import ModelError, one_line
from reliseg.types import Int64

TASK = "semantic"
_WORDS = ("tokenizer.json", "vocab.json")
_FILES = (*_WORDS, "merges.txt", "tokenizer_config.json", "special_tokens_map.json")
_IF_THERE: Mapping[str, bool] = {
    "_raise_exceptions_for_missing_entries": False,
    "_raise_exceptions_for_gated_repo": False,
}


def read_task_tokens(name: str, where: str, revision: str | None, config: Any) -> Int64[Tensor, "1 tokens"]:
    """Return the tokens of "the task is semantic", with zeros up to the length that the network takes.

    The tokenizer is that beside the model; a ModelError if there is none.
    """
    try:
        # Without a file of words transformers makes a tokenizer that knows none, and says nothing.
        found = [cached_file(where, file, revision=revision, **_IF_THERE) for file in _WORDS]
        if not any(found):
            raise FileNotFoundError(f"there is neither {' nor '.join(_WORDS)}")
        tokenizer = AutoTokenizer.from_pretrained(where, revision=revision, trust_remote_code=False)
        text = tokenizer(f"the task is {TASK}", padding="max_length", max_length=config.task_seq_len, truncation=True)
    except Exception as error:  # broken files raise errors of many libraries
        raise ModelError(
            f"model {name}: OneFormer is told its task in tokens, and the tokenizer of {where} cannot be read "
            f"({one_line(error)}); put its tokenizer.json, or vocab.json and merges.txt, beside config.json"
        ) from error
    tokens = torch.tensor(text["input_ids"]) * torch.tensor(text["attention_mask"])
    return tokens[None]


def tokenizer_files(where: str, revision: str | None) -> list[Path]:
    """Return the files that the tokenizer was read from."""
    folder = Path(cached_file(where, "config.json", revision=revision)).parent
    return [folder / file for file in _FILES if (folder / file).is_file()]
