"""The tokens of OneFormer's task: those that its library makes of the text, with the tokenizer beside the model."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import transformers
from helpers.hugging_face_families import swin
from helpers.hugging_face_tokens import save_tokenizer

from reliseg.errors import ModelError
from reliseg.models.hf.task_tokens import read_task_tokens, tokenizer_files

CONFIG = SimpleNamespace(task_seq_len=77)


def folder_of(path: Path) -> str:
    transformers.OneFormerConfig(backbone_config=swin().to_dict()).save_pretrained(path)
    return str(path)


def test_tokens_are_those_of_the_librarys_processor(tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    where = folder_of(tmp_path)
    tokens = read_task_tokens("hub", where, None, CONFIG)
    processor = transformers.OneFormerProcessor(
        transformers.OneFormerImageProcessorPil(), transformers.AutoTokenizer.from_pretrained(where)
    )
    assert tokens.tolist() == processor._preprocess_text(["the task is semantic"], max_length=77).tolist()
    assert tokens.shape == (1, 77)
    assert (tokens > 0).sum() == 19
    names = [file.name for file in tokenizer_files(where, None)]
    assert names == ["vocab.json", "merges.txt", "tokenizer_config.json"]


def test_without_a_tokenizer_there_is_no_task(tmp_path: Path) -> None:
    """The library would make one that knows no word, and give tokens that mean nothing."""
    with pytest.raises(ModelError, match=r"there is neither tokenizer.json nor vocab.json\); put its tokenizer.json"):
        read_task_tokens("hub", folder_of(tmp_path), None, CONFIG)


def test_a_broken_tokenizer_is_one_line(tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    (tmp_path / "vocab.json").write_text("{")
    with pytest.raises(ModelError, match=r"the tokenizer of .* cannot be read") as caught:
        read_task_tokens("hub", folder_of(tmp_path), None, CONFIG)
    assert "\n" not in str(caught.value)
