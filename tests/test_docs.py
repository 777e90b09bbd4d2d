"""The documentation says what is so: its snippets work, and nothing that a user can name is left out."""

import ast
import re
import runpy
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from pkgutil import resolve_name

import pytest
import typer
import yaml

import reliseg
from reliseg import cli
from reliseg.calibration import CALIBRATORS
from reliseg.config import inputs, requests, schema, settings
from reliseg.config.schema import read_config
from reliseg.data import DataOptions, dataset_names
from reliseg.data.depth import read_depth_maps
from reliseg.data.label_table import _KEYS as LABEL_MAP_KEYS
from reliseg.data.spec import _KEYS as SPEC_KEYS
from reliseg.data.spec import DOMAIN_KEYS, read_spec
from reliseg.labels import label_space
from reliseg.metrics import METRICS
from reliseg.models import MODELS, ModelOptions
from reliseg.results import COLUMNS
from reliseg.scores import SCORES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(p for p in DOCS.rglob("*.md") if p.name != "definitions.md")]


@dataclass(frozen=True)
class Fence:
    """A code block of a page; `title` is the file it stands for."""

    page: str
    number: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.title or self.number}"


def fences(*languages: str) -> list[Fence]:
    """The blocks of all pages but `extending.md`: tests/testing/test_extending_docs.py builds and runs its package."""
    return [f for page in PAGES if page.name != "extending.md" for f in _fences(page) if f.language in languages]


def _fences(page: Path) -> Iterator[Fence]:
    matches = re.finditer(r"^```(\w*)(?: title=\"([^\"]*)\")?\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    for i, match in enumerate(matches):
        yield Fence(page.name, i, match[1], match[2] or "", match[3])


def text(name: str) -> str:
    return (DOCS / name).read_text()


def section(page: str, heading: str) -> str:
    """The text below a heading of second level, up to the next one."""
    return text(page).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("fence", fences("yaml"), ids=str)
def test_every_configuration_is_valid(fence, tmp_path):
    path = tmp_path / "schema.yaml"
    path.write_text(fence.text)
    read_config(path)


def test_the_examples_are_valid():
    for path in (ROOT / "examples").glob("*.yaml"):
        read_config(path)


@pytest.mark.parametrize("fence", fences("toml"), ids=str)
def test_every_spec_and_label_space_is_valid(fence, tmp_path):
    path = tmp_path / fence.title
    path.write_text(fence.text)
    if "classes" in tomllib.loads(fence.text):
        assert len(label_space(str(path))) > 1
    else:
        spec = read_spec(str(path))
        assert spec.image
        assert bool(read_depth_maps(spec)) == bool(spec.depth)


@pytest.mark.parametrize("fence", fences("python"), ids=str)
def test_python_names_and_arguments_exist(fence):
    known = {
        "open_dataset": {f.name for f in fields(DataOptions)},
        "open_model": {f.name for f in fields(ModelOptions)},
        "evaluate": set(reliseg.evaluate.__kwdefaults__) | set(settings.Settings.model_fields),
    }
    for node in ast.walk(ast.parse(fence.text)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "reliseg":
            assert node.attr in reliseg.__all__
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in known:
            assert {k.arg for k in node.keywords} <= known[node.func.attr]


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a user who did what 'Getting started' says, up to the evaluation."""
    folder = tmp_path_factory.mktemp("field")
    for fence in fences("python", "toml", "yaml"):
        if fence.title:
            (folder / fence.title).write_text(fence.text)
    subprocess.run([sys.executable, "make_field.py"], cwd=folder, check=True)
    return folder


def test_getting_started_gives_what_it_shows(field, monkeypatch, capsys):
    monkeypatch.chdir(field)
    for words in (["check", "field.yaml"], ["run", "field.yaml", "--out", "runs/field"]):
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["reliseg", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
    shown = next(f.text for f in fences("text") if f.title == "output of reliseg run field.yaml")
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [s.split() for s in shown.splitlines()]


def test_the_python_page_runs(field, monkeypatch):
    monkeypatch.chdir(field)
    names: dict = {}
    for fence in fences("python"):
        if fence.page == "python-api.md":
            exec(fence.text, names)
    assert names["after"] < names["before"]
    assert len(names["records"]) > 100


@pytest.mark.slow
def test_the_notebook_page_runs(field, monkeypatch):
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    monkeypatch.chdir(field)
    names: dict = {}
    for fence in fences("python"):
        if fence.page == "notebooks.md":
            exec(fence.text, names)
    assert 0 <= names["weed"] <= 1
    assert len(names["worst"]) == 5
    assert set(names["table"].to_pandas()["run"]) == {"field"}


def test_a_temperature_needs_no_reliseg_where_it_is_applied(field, monkeypatch):
    monkeypatch.chdir(field)
    reliseg.run_config("field.yaml", "runs/field")
    names: dict = {}
    for fence in fences("python"):
        if fence.page == "calibration.md":
            exec(fence.text, names)
    assert names["temperature"] > 1
    assert names["confidence"].min() >= 1 / 3


@pytest.mark.parametrize("where", ["python:my_model.py:build", "python:my_callable.py:build"])
def test_the_models_of_the_models_page_load(field, monkeypatch, where):
    monkeypatch.chdir(field)
    assert len(reliseg.open_model(where, labels="field.toml").labels) == 3


def test_a_checkpoint_is_saved_and_its_averaged_weights_are_evaluated(field, monkeypatch):
    monkeypatch.chdir(field)
    monkeypatch.syspath_prepend(field)
    monkeypatch.delitem(sys.modules, "my_model", raising=False)
    runpy.run_path("save_checkpoint.py")
    with pytest.raises(reliseg.ReliSegError, match=r"several state dicts fit: model\.module\., ema; say which"):
        reliseg.open_model("python:my_model.py:build", labels="field.toml", weights="last.pth")
    reliseg.run_config("trained.yaml", "runs/trained")
    assert (field / "runs" / "trained" / "results.csv").read_text().count("ece") >= 1


@pytest.mark.slow
def test_windows_and_views_are_evaluated_as_the_models_page_shows(field, monkeypatch):
    monkeypatch.chdir(field)
    results = reliseg.run_config("windows.yaml", "runs/windows")
    assert {r.model for r in results} == {"windows", "views", "both"}
    assert reliseg.ensemble(
        {seed: reliseg.open_model("python:my_model.py:build", labels="field.toml") for seed in "ab"}
    ).gives_probabilities


@pytest.mark.zoo
@pytest.mark.parametrize("network", ["lraspp", "fpn"])
def test_networks_of_libraries_are_saved_and_evaluated(field, monkeypatch, network):
    monkeypatch.chdir(field)
    runpy.run_path(f"save_{network}.py")
    reliseg.run_config(f"{network}.yaml", f"runs/{network}")
    assert (field / "runs" / network / "results.csv").read_text().count("ece") >= 1


@pytest.mark.zoo
def test_a_network_of_mmsegmentation_is_saved_and_evaluated(field, monkeypatch):
    """Its packages warn of much when they are imported."""
    monkeypatch.chdir(field)
    with warnings.catch_warnings(action="ignore"):
        runpy.run_path("save_segformer_mmseg.py")
    reliseg.run_config("segformer_mmseg.yaml", "runs/mmseg")
    assert (field / "runs" / "mmseg" / "results.csv").read_text().count("ece") >= 1
    assert '"through_input": true' in (field / "runs" / "mmseg" / "manifest.json").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("network", ["segformer", "mask2former"])
def test_networks_of_transformers_are_saved_and_evaluated(field, monkeypatch, network):
    monkeypatch.chdir(field)
    runpy.run_path(f"save_field_{network}.py")
    reliseg.run_config(f"field_{network}.yaml", f"runs/field-{network}")
    assert (field / "runs" / f"field-{network}" / "results.csv").read_text().count("ece") >= 1


@pytest.mark.slow
@pytest.mark.parametrize(("script", "config"), [("export_onnx", "onnx"), ("export_program", "exported")])
def test_networks_are_exported_and_evaluated_as_the_models_page_shows(field, monkeypatch, script, config):
    """The exporter warns of its own code, so it runs in a process of its own."""
    monkeypatch.chdir(field)
    subprocess.run([sys.executable, f"{script}.py"], check=True, capture_output=True)
    reliseg.run_config(f"{config}.yaml", f"runs/{config}")
    assert (field / "runs" / config / "results.csv").read_text().count("ece") >= 1


@pytest.mark.zoo
def test_the_models_page_names_each_architecture():
    import segmentation_models_pytorch as smp
    from torchvision import models

    of_smp = [kind.__name__ for kind in smp.MODEL_ARCHITECTURES_MAPPING.values()]
    for name in (*models.list_models(module=models.segmentation), *of_smp):
        assert f"`{name}`" in text("models.md"), name


def test_the_detectron2_model_of_the_models_page_loads(field, monkeypatch):
    from helpers.detectron2_networks import detectron2_tensors, mask2former, save_pickle, small_swin

    monkeypatch.chdir(field)
    config = read_config(Path("mask2former.yaml")).models[0]
    save_pickle(Path(config.where), detectron2_tensors(mask2former(small_swin(), classes=19)))
    model = reliseg.open_model(f"{config.kind}:{config.where}", labels=config.labels)
    assert model.provenance()["resize"] == {"long": 2048, "short": 1024}


SECTIONS = {
    "Top level": schema.RunConfig,
    "`models`": inputs.ModelConfig,
    "`datasets`": inputs.DataConfig,
    "`calibration`": requests.CalibrationConfig,
    "`test`": requests.TestConfig,
    "`corrupt`": requests.CorruptConfig,
    "`accept`": requests.AcceptConfig,
    "`sets`": requests.SetsConfig,
    "`sample`": settings.SampleConfig,
}


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_of_the_configuration_is_documented(heading):
    rows = [line for line in section("configuration.md", heading).splitlines() if line.startswith("| `")]
    documented = {key: row for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])}
    model = SECTIONS[heading]
    fields = {about.alias or key: about for key, about in model.model_fields.items()}
    assert set(documented) == set(fields)
    for key, about in fields.items():
        if isinstance(about.default, int | str) and not isinstance(about.default, bool) and about.default != "":
            assert f"`{about.default}`" in documented[key].split("|")[2], key
    for key in inputs.UpsamplingConfig.model_fields:
        assert heading != "`models`" or f"`{key}`" in documented["upsampling"]


def test_keys_of_specs_domains_and_label_maps_are_documented():
    page = text("data.md")
    for key in (*SPEC_KEYS, *DOMAIN_KEYS, *LABEL_MAP_KEYS, *dataset_names()):
        assert re.search(rf"\b{key}\b", page), key
    assert {f"`{kind}`" for kind in MODELS.names()} == set(re.findall(r"^## (`\w+`)", text("models.md"), re.MULTILINE))


def test_the_definitions_page_holds_everything_and_is_the_same_again():
    script = runpy.run_path(str(DOCS / "definitions.py"))
    page = script["page"]()
    assert page == script["page"]()
    assert "docs/definitions.md" in (ROOT / ".gitignore").read_text().splitlines()
    for family in METRICS.names():
        for name, quantity in METRICS.get(family)().quantities().items():
            entry = page.partition(f"#### `{name}` {{ #{name} }}\n")[2].partition("\n#")[0]
            assert f" · `{quantity.definition}`\n" in entry, name
    for name in (*SCORES.names(), *CALIBRATORS.names()):
        assert f"#### `{name}` {{ #{name} }}\n" in page


def test_every_formula_belongs_to_a_name():
    formulas = runpy.run_path(str(DOCS / "definitions.py"))["FORMULAS"]
    metrics = {name for family in METRICS.names() for name in METRICS.get(family)().quantities()}
    assert set(formulas) <= {*metrics, *SCORES.names()}


def test_a_page_that_links_to_the_definitions_says_what_else_lists_them():
    """The page is made, not kept: on GitHub the link leads nowhere."""
    linking = [page for page in PAGES if "](definitions.md" in page.read_text()]
    assert linking
    assert [page.name for page in linking if "reliseg list metrics" not in page.read_text()] == []


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.stem)
def test_each_page_says_first_for_whom_it_is(page):
    assert re.match(r"(---\n[^#]*\n---\n\n)?# .+\n\n\*For [^*]+\*\n", page.read_text())


def _strings_of_the_source() -> str:
    """Return every text of the package, with a `..` for each value that is put in."""
    texts = []
    for path in (ROOT / "src/reliseg").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                texts.append("".join(v.value if isinstance(v, ast.Constant) else ".." for v in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts)


def test_every_message_of_the_troubleshooting_page_is_one_of_the_source():
    messages = re.findall(r"^### `(.+)`$", text("troubleshooting.md"), re.MULTILINE)
    strings = _strings_of_the_source()
    parts = [r".*".join(map(re.escape, message.split(".."))) for message in messages]
    assert [m for m, part in zip(messages, parts, strict=True) if not re.search(part, strings)] == []
    assert len(messages) > 50


def test_public_names_are_exact_and_documented():
    assert reliseg.__all__ == sorted(reliseg.__all__)
    assert dir(reliseg) == reliseg.__all__
    for name in reliseg.__all__:
        assert getattr(reliseg, name).__name__ == name
    with pytest.raises(AttributeError, match="opn_model"):
        getattr(reliseg, "opn_model")  # noqa: B009
    headings = re.findall(r"^## `(\w+)", text("python-api.md"), re.MULTILINE)
    assert sorted(headings) == reliseg.__all__


def test_columns_and_files_of_a_run_are_documented():
    for column in COLUMNS:
        assert f"`{column}`" in text("results.md")
    assert re.sub(r"\s+", " ", (ROOT / "README.md").read_text()).count(", ".join(COLUMNS)) == 1


def _options() -> dict[str, set[str]]:
    group = typer.main.get_command(cli.app)
    return {name: {o for p in c.params for o in p.opts if o[0] == "-"} for name, c in group.commands.items()}


def test_options_of_the_command_are_documented():
    page = text("command-line.md")
    for verb, options in _options().items():
        assert f"## `reliseg {verb}`" in page
        assert all(f"`{o}`" in page or f"[{o}" in page for o in options)


@pytest.mark.parametrize("fence", fences("console"), ids=str)
def test_commands_exist(fence):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in fence.text.replace("\\\n", " ").splitlines():
        words = line.removeprefix("$ ").partition("  #")[0].replace("[", " ").replace("]", " ").split()
        if words[0] == "make":
            assert words[1] in targets
        for program, verb in pairwise(words):
            if Path(program).name == "reliseg":
                assert {w for w in words if w.startswith("--")} <= _options()[verb]


def test_kinds_that_can_be_listed_are_documented():
    assert f"reliseg list {'|'.join(cli.KINDS)}" in text("command-line.md")


def test_files_and_names_of_the_code_that_pages_mention_exist():
    pages = [page.read_text() for page in PAGES]
    for path in {path for page in pages for path in re.findall(r"`([\w/]+/\w+\.py)`", page)}:
        assert (ROOT / path).exists() or (ROOT / "src/reliseg" / path).exists(), path
    for name in {name for page in pages for name in re.findall(r"`(reliseg(?:\.\w+)+)", page)}:
        resolve_name(name)


def test_links_of_the_readme_and_pages_of_the_site_exist():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target
    listed = re.findall(r"[\w/-]+\.md", yaml.safe_dump(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert sorted(listed) == sorted({*(p.relative_to(DOCS).as_posix() for p in PAGES[1:]), "definitions.md"})


PROMISED = re.findall(r"`([\w/]+\.py): (test_\w+)`", (DOCS / "promises.md").read_text())


def test_promises_are_many():
    rows = [line for line in text("promises.md").splitlines() if line.startswith("| ") and "--- |" not in line]
    heads = {"| promise | test |", "| promise: it does not matter | test |", "| trouble | outcome | test |"}
    assert len([row for row in rows if row not in heads]) == len(PROMISED) > 30


@pytest.mark.parametrize(("file", "name"), PROMISED, ids=[name for _, name in PROMISED])
def test_the_test_that_holds_a_promise_exists(file, name):
    tree = ast.parse((ROOT / "tests" / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
