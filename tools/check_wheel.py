"""Check a built wheel: it holds every file of the package, and works where nothing but it is installed.

Usage: python tools/check_wheel.py dist/reliseg-VERSION-py3-none-any.whl
"""

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LISTS = ("models", "datasets", "labels", "metrics", "scores", "calibrations", "protocols")


def missing_files(wheel: Path, source: Path) -> list[str]:
    """Return the files of the package folder `source`, data included, that the wheel does not hold."""
    files = (path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    return sorted({path.relative_to(source.parent).as_posix() for path in files} - held)


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel, without extras, into a new environment; return the folder of its programs."""
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), str(wheel)], check=True)
    return programs


def run_commands(programs: Path, folder: Path, version: str) -> None:
    """Run the installed command in `folder`; raise if it fails, is of another version, or lists nothing."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for arguments in (["--version"], *(["list", kind] for kind in LISTS)):
        command = [str(programs / "reliseg"), *arguments]
        output = subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
        if not output.strip() or (arguments == ["--version"] and output.strip() != f"reliseg {version}"):
            raise SystemExit(f"reliseg {' '.join(arguments)} printed {output!r}")


def main(wheel: Path) -> None:
    """Check the wheel; exit with a message at the first thing that is wrong."""
    if missing := missing_files(wheel, ROOT / "src" / "reliseg"):
        raise SystemExit(f"{wheel.name} lacks {', '.join(missing)}: see package-data in pyproject.toml")
    with tempfile.TemporaryDirectory() as folder:
        programs = install(wheel.resolve(), Path(folder, "venv"))
        run_commands(programs, Path(folder), version=wheel.name.split("-")[1])
    print(f"{wheel.name}: complete, installs, and the command works")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
