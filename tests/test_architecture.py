"""The architecture is as ARCHITECTURE.md says: layers, rooms, and what importing them costs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "reliseg"


def imported(*modules: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after importing these."""
    code = f"import sys, {', '.join(modules)}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_layers_are_kept():
    program = Path(sys.executable).with_name("lint-imports")
    if not shutil.which(program):
        pytest.skip("import-linter is not installed: make check runs it")
    ended = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout


def test_every_folder_and_every_room_stands_on_the_map():
    page = (ROOT / "ARCHITECTURE.md").read_text()
    tree = page.partition("```\nsrc/reliseg/\n")[2].partition("```")[0]
    folders = [path.parent for path in SOURCE.rglob("__init__.py") if path.parent != SOURCE]
    names = [f"{folder.name}/" for folder in folders]
    names += [path.name for path in SOURCE.glob("*.py") if not path.name.startswith("__")]
    assert [name for name in names if name not in tree.split()] == []


def test_numbers_need_no_torch():
    modules = (
        "kernels.cpu.kernel",
        "metrics",
        "results",
        "config.schema",
        "run.execute",
        "models.kinds.stored",
        "calibration.methods.lts",
        "calibration.methods.selective",
        "data",
        "report.terminal",
    )
    assert not {"torch", "triton", "transformers", "sklearn"} & imported(*(f"reliseg.{m}" for m in modules))


def test_importing_the_package_imports_nothing_slow():
    assert not {"numpy", "numba", "torch", "pydantic", "scipy", "yaml"} & imported("reliseg")


def test_looking_at_what_a_run_has_stored_imports_nothing_that_computes():
    found = imported("reliseg.cli", "reliseg.config.schema", "reliseg.plan.build", "reliseg.run.execute")
    assert not {"numba", "torch", "scipy", "jaxtyping", "asyncio", "filelock", "threadpoolctl"} & found


def test_listing_what_there_is_imports_no_implementation():
    code = "from reliseg.metrics import METRICS; from reliseg.models import MODELS; METRICS.names(); MODELS.names(); "
    code += (
        "import sys; print('reliseg.models.kinds.hf' in sys.modules, 'reliseg.metrics.families.drop' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["False", "False"]
