"""The import of mmsegmentation."""

import subprocess
import sys

import pytest

QUIET = """
import sys
sys.path.insert(0, "tests")
from helpers.torchvision_beside_cpu import declare_operators
declare_operators()
import warnings
warnings.simplefilter("error")
from reliseg.models.mmseg.library import import_library
import_library()
print(sorted({"mmseg.models", "mmseg.datasets"} & set(sys.modules)))
from mmseg.models.utils import resize
import torch
print(resize(torch.zeros(1, 1, 4, 4), (9, 9), mode="bilinear", align_corners=True).shape[2])
from mmengine.config import Config
print(Config._get_cfg_path("mmseg::pidnet/pidnet-s_2xb6-120k_1024x1024-cityscapes.py", "")[0].rpartition("/")[2])
"""


@pytest.mark.zoo
def test_it_is_quiet_needs_no_data_sets_and_finds_configurations_by_the_name_of_the_package(pytestconfig):
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, cwd=pytestconfig.rootpath)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["['mmseg.models']", "9", "pidnet-s_2xb6-120k_1024x1024-cityscapes.py"]
    assert done.stderr == ""
