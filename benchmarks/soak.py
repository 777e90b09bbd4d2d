"""Whether a run survives: killed at random instants, on a disk that fills or fails, with files cut off and bits turned.

python benchmarks/soak.py [--kills 200] [--seed 0] [--folder FOLDER]

Whenever a run has finished in spite of it all, its results.csv is compared with that of a run that was left alone, and
the next one begins in a new folder. A line is printed for each attempt. It ends with exit code 1 at the first other
byte, or where a run cannot go on. The folder is kept.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from helpers.forked import forks
from helpers.kills import Disturbance, OtherResultsError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="reliseg-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with forks() as processes:
        disturbance = Disturbance(folder, random.Random(given.seed), processes, with_faults=True)
        try:
            disturbance.kill(given.kills)
        except OtherResultsError as error:
            sys.exit(f"{error}\nafter {dict(disturbance.done)}, with --seed {given.seed}; the folder is {folder}")
    done = ", ".join(f"{what}: {number}" for what, number in sorted(disturbance.done.items()))
    print(f"no byte differs ({done}; {(time.monotonic() - begun) / 60:.0f} minutes, seed {given.seed})")


if __name__ == "__main__":
    main()
