"""Check the shape of the source tree: print a line for each fault, then totals; exit 1 if there is a fault.

Checked are import circles, long functions, full folders, modules without a test file of their name, and imports of
private names from outside their folder. It reads the files and imports none of them.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

MAX_BODY_LINES = 60
MAX_MODULES = 14
REGISTRIES = ("corruptions/kinds", "metrics/families", "scores/methods", "calibration/methods", "models/kinds")


@dataclass(frozen=True)
class Fault:
    """One thing to mend; `advice` says what is wrong and what to do."""

    path: Path
    line: int
    advice: str


@dataclass(frozen=True)
class Import:
    """One imported thing: `reliseg.run.plan`, or `reliseg.run.plan.Plan`."""

    name: str
    line: int


@dataclass(frozen=True)
class Module:
    """A file of Python."""

    path: Path
    name: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.path.read_text(encoding="utf-8"), self.path)

    @property
    def is_package(self) -> bool:
        """True for the `__init__.py` of a folder."""
        return self.path.name == "__init__.py"

    @property
    def folder(self) -> str:
        """The dotted name of the folder that the file is in."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    def imports(self) -> Iterator[Import]:
        """All imports, also those inside functions and under `if TYPE_CHECKING`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (Import(alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (Import(f"{self._source(node)}.{alias.name}", node.lineno) for alias in node.names)

    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        """All functions and methods."""
        return [n for n in ast.walk(self.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]

    def _source(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parents = self.name.split(".")
        parents = parents[: len(parents) - node.level + self.is_package]
        return ".".join([*parents, node.module] if node.module else parents)


@dataclass(frozen=True)
class Tree:
    """The package at `source` (`src/reliseg`) and its tests."""

    source: Path
    tests: Path

    @cached_property
    def modules(self) -> dict[str, Module]:
        """The modules of the package by dotted name."""
        modules = {}
        for path in sorted(self.source.rglob("*.py")):
            parts = path.relative_to(self.source.parent).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            modules[name] = Module(path, name)
        return modules

    def edges(self, module: Module) -> dict[str, int]:
        """Return the modules that `module` imports, each with the line of its first import."""
        lines: dict[str, int] = {}
        for item in module.imports():
            target = item.name if item.name in self.modules else item.name.rpartition(".")[0]
            if target in self.modules and target != module.name:
                lines.setdefault(target, item.line)
        return lines

    def private_part(self, name: str) -> tuple[str, str] | None:
        """Return the private module or name within an imported name, and the folder it is private to."""
        parts = name.split(".")
        private = [i for i, part in enumerate(parts) if part.startswith("_") and not part.endswith("__")]
        home = self.modules.get(".".join(parts[: private[0]])) if private else None
        return (".".join(parts[: private[0] + 1]), home.folder) if home else None


def find_circles(tree: Tree) -> Iterator[Fault]:
    """Yield each group of modules that import one another."""
    edges = {name: tree.edges(module) for name, module in tree.modules.items()}
    reach = {name: _reachable(name, edges) for name in edges}
    circles = {frozenset(n for n in reach[name] if name in reach[n]) for name in edges if name in reach[name]}
    for circle in sorted(circles, key=sorted):
        first = min(circle)
        line = min(line for target, line in edges[first].items() if target in circle)
        advice = f"{', '.join(sorted(circle))} import one another: move what they share into a module of its own"
        yield Fault(tree.modules[first].path, line, advice)


def find_long_functions(tree: Tree) -> Iterator[Fault]:
    """Yield functions with too many lines between their first statement, docstring apart, and their last."""
    for module in tree.modules.values():
        for function in module.functions():
            lines = _body_lines(function)
            if lines > MAX_BODY_LINES:
                advice = f"{function.name} has {lines} lines of body, over {MAX_BODY_LINES}: split it"
                yield Fault(module.path, function.lineno, advice)


def find_full_folders(tree: Tree) -> Iterator[Fault]:
    """Yield folders with too many modules; a registry's folder may hold any number of plug-ins, and nothing else."""
    folders: dict[Path, list[Module]] = {}
    for module in tree.modules.values():
        if not module.is_package:
            folders.setdefault(module.path.parent, []).append(module)
    for folder, modules in folders.items():
        if folder.relative_to(tree.source).as_posix() in REGISTRIES:
            advice = "not a plug-in, in a folder of plug-ins: move it to another folder"
            strangers = [m for m in modules if not _is_plugin(m)]
            yield from (Fault(m.path, 1, advice) for m in strangers)
        elif len(modules) > MAX_MODULES:
            advice = f"{len(modules)} modules, over {MAX_MODULES}: make folders by what they do"
            yield Fault(folder, 1, advice)


def find_untested_modules(tree: Tree) -> Iterator[Fault]:
    """Yield modules that define a function, or a method, but have no test file of their name."""
    for module in tree.modules.values():
        stem = "init" if module.is_package else module.path.stem.strip("_")
        test = tree.tests / module.path.relative_to(tree.source).with_name(f"test_{stem}.py")
        if module.functions() and not test.is_file():
            yield Fault(module.path, 1, f"write {test.relative_to(tree.tests.parent)}, or rename the tests it has")


def find_private_imports(tree: Tree) -> Iterator[Fault]:
    """Yield imports of a `_module` or a `_name` from outside the folder that it is private to."""
    for module in tree.modules.values():
        parts = {(item.line, tree.private_part(item.name)) for item in module.imports()}
        for line, (name, owner) in sorted((line, part) for line, part in parts if part):
            if not f"{module.folder}.".startswith(f"{owner}."):
                advice = f"imports {name}, which is private to {owner}: make it public there, or move it"
                yield Fault(module.path, line, advice)


def _reachable(start: str, edges: dict[str, dict[str, int]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(edges[start])
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += edges[name]
    return reached


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[ast.get_docstring(function) is not None :]
    if not body:
        return 0
    decorators = getattr(body[0], "decorator_list", [])
    start = min(node.lineno for node in (body[0], *decorators))
    return (body[-1].end_lineno or start) - start + 1


def _is_plugin(module: Module) -> bool:
    classes = [node for node in module.tree.body if isinstance(node, ast.ClassDef) and node.bases]
    return not module.path.name.startswith("_") and module.path.stem != "base" and bool(classes)


CHECKS = {
    "import circles": find_circles,
    "long functions": find_long_functions,
    "full folders": find_full_folders,
    "modules without tests": find_untested_modules,
    "private imports": find_private_imports,
}


def main(root: Path) -> int:
    """Print the faults of the package under `root`, and their totals; return the exit status."""
    tree = Tree(root / "src" / "reliseg", root / "tests")
    faults = {kind: list(find(tree)) for kind, find in CHECKS.items()}
    for fault in chain.from_iterable(faults.values()):
        print(f"{fault.path.relative_to(root)}:{fault.line}: {fault.advice}")
    print(", ".join(f"{kind}: {len(of_kind)}" for kind, of_kind in faults.items()))
    return int(any(faults.values()))


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parents[1]))
