"""The shortest configuration, and what is said of one that is wrong."""

import pytest

from reliseg.config.schema import parse_config
from reliseg.errors import ConfigError

LEAST = {
    "models": [{"name": "m", "kind": "stored", "where": "logits"}],
    "datasets": [{"name": "d", "spec": "camvid", "root": "data"}],
}
MODEL, DATA = LEAST["models"][0], LEAST["datasets"][0]


def refusal_of(content):
    with pytest.raises(ConfigError) as refusal:
        parse_config(content, where="file")
    text = str(refusal.value)
    assert text.startswith("file: ")
    assert "\n" not in text
    return text
