"""What torch says of itself is kept back, and nothing after that."""

import logging
import warnings

import pytest

from reliseg.models.torch.quiet import quiet


def talk_and_fail(logger: logging.Logger) -> None:
    logger.error("tried another way")
    warnings.warn("old format", stacklevel=1)
    raise ValueError("passes")


def test_warnings_and_loggers_are_kept_back_and_are_as_before_after_it(caplog, recwarn):
    logger = logging.getLogger("torch.of_a_test")
    logger.setLevel(logging.INFO)
    with pytest.raises(ValueError, match="passes"), quiet([logger.name]):
        talk_and_fail(logger)
    assert not caplog.records
    assert not recwarn
    assert logger.level == logging.INFO
