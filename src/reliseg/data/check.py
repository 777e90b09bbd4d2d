"""What can be wrong with a domain's files, found before a long run."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from reliseg.data.base import DataSet, Domain
from reliseg.data.decode import check_sizes, load
from reliseg.errors import SampleError

_DECODED = 8
_SHOWN = 3


def check_domain(
    dataset: DataSet,
    domain: Domain,
    *,
    full: bool = False,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """The problems of a domain, one line each, at most three and then the number of those left out.

    Compares the sizes in the headers of every image and mask, and maps the ids of the first eight masks; with
    `full` decodes everything. `progress` is called with the samples done and their number.
    """

    def problem(i: int) -> str | None:
        try:
            if full or i < _DECODED:
                load(dataset, domain.samples[i], image=full)
            else:
                check_sizes(dataset, domain.samples[i])
        except SampleError as error:
            return f"{dataset.name}/{domain.name}: {error}"
        return None

    problems = []
    total = len(domain.samples)
    with ThreadPoolExecutor(workers) as pool:
        for done, line in enumerate(pool.map(problem, range(total)), start=1):
            if line is not None:
                problems.append(line)
            if progress is not None:
                progress(done, total)
    more = len(problems) - _SHOWN
    return [*problems[:_SHOWN], f"{dataset.name}/{domain.name}: ... and {more} more"] if more > 0 else problems
