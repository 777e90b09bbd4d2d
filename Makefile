SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ZOO := .venv-zoo
ZOO_STAMP := $(ZOO)/.installed
OLD := .venv-numpy
OLD_STAMP := $(OLD)/.installed
# Packages are compiled here: what their code makes Python warn of would end tests, which take warnings for errors.
PIP := -m pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE  # hundreds of processes that tests start would compile the package anew
.PHONY: help environments kernels compiled demo test test-fast test-zoo test-numpy fuzz soak check docs bench changelog dist release clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

environments: $(STAMP) $(ZOO)/.packages $(OLD)/.packages  ## Install everything that any target needs
	$(MAKE) $(ZOO_STAMP)  # one after the other: each writes src/*.egg-info
	$(MAKE) $(OLD_STAMP)

kernels: $(STAMP)  ## Compile the kernels that count pixels, which else the first run does
	$(BIN)/python -c 'from reliseg.kernels.cpu.kernel import compile_kernels; compile_kernels()'

compiled: kernels  ## Compile what runs and fits take besides, which else tests side by side do, each all of it
	PYTHONPATH=tests $(BIN)/python -m helpers.compile_all

demo: kernels  ## Install everything, then measure a small network on drawn street scenes
	$(BIN)/reliseg demo --out runs/demo

test: $(STAMP)  ## Install everything, then run the tests
	$(PYTEST) --durations=20

test-fast: $(STAMP)  ## Run the tests that are not marked slow: some minutes
	$(PYTEST) -m 'not slow'

test-zoo: $(ZOO_STAMP)  ## Install mmsegmentation, smp and torchvision apart, then run the tests that need them
	$(ZOO)/bin/python -m pytest -m zoo --numprocesses=auto --maxprocesses=4 --dist=loadfile --durations=10

test-numpy: $(OLD_STAMP)  ## Install an older NumPy apart, then see that corrupted images have the same bytes with it
	$(OLD)/bin/python -m pytest tests/corruptions/test_pinned.py -m 'not slow'

fuzz: $(STAMP)  ## Read 20,000 damaged files of every kind (SEED=N: others)
	RELISEG_FUZZ_INPUTS=20000 RELISEG_FUZZ_SEED=$(or $(SEED),0) $(BIN)/python -m pytest --numprocesses=auto --dist=load tests/fuzz

soak: $(STAMP)  ## Kill a run 200 times, with a failing disk and damaged files, and compare its results (SEED=N: otherwise)
	$(BIN)/python benchmarks/soak.py --seed $(or $(SEED),0)

check: $(STAMP)  ## Format, lint, types, layers, structure
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/structure.py

docs: $(STAMP)  ## Build the documentation into site/
	$(BIN)/python docs/definitions.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(STAMP)  ## Measure speed and memory, into benchmarks/results (TOOLS=FOLDER[:FOLDER..]: packages to compare with)
	for name in cluster speeds kernel tiny masks compare decoding metrics store calibration pipeline corruptions corrupted_runs export gpu; do \
	  PYTHONPATH=$$(case $$name in (compare|decoding|corruptions) echo "$(TOOLS)";; esac) \
	  $(BIN)/python benchmarks/$$name.py --out benchmarks/results/$$name.json || exit 1; done

changelog: $(STAMP)  ## Show the entries of the next release
	$(BIN)/towncrier build --draft

dist: $(STAMP)  ## Build the source archive and the wheel into dist/, and check them
	rm -rf dist build
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m build
	$(BIN)/python tools/check_wheel.py dist/*.whl

release: $(STAMP)  ## Write CHANGELOG.md for the version in pyproject.toml, then make dist
	! grep -n '^version = .*dev' pyproject.toml
	$(BIN)/towncrier build --yes
	$(MAKE) dist

clean:  ## Remove what the other targets made
	rm -rf $(VENV) $(ZOO) $(OLD) site build dist src/*.egg-info

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "reliseg needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) -c constraints.txt -e '.[dev,docs]'
	touch $@

# Packages of others take long and may be installed side by side; this one is not, as its metadata are in src/.
$(OLD)/.packages: pyproject.toml constraints.txt constraints-numpy.txt
	$(PYTHON) -m venv $(OLD)
	grep -v -f <(sed -n 's/==.*/==/p' constraints-numpy.txt | sed 's/^/^/') constraints.txt > $(OLD)/constraints.txt
	$(OLD)/bin/python $(PIP) -c $(OLD)/constraints.txt -c constraints-numpy.txt \
	  -r <($(OLD)/bin/python tools/requirements.py) pytest hypothesis
	touch $@

# mmsegmentation asks for opencv-python, which needs libGL.so.1; the headless one is the same without windows.
$(ZOO)/.packages: pyproject.toml constraints.txt constraints-zoo.txt
	$(PYTHON) -m venv $(ZOO)
	$(ZOO)/bin/python $(PIP) -c constraints.txt -c constraints-zoo.txt -r <($(ZOO)/bin/python tools/requirements.py zoo)
	$(ZOO)/bin/python -m pip uninstall --quiet --yes opencv-python opencv-python-headless
	$(ZOO)/bin/python $(PIP) --no-deps -c constraints.txt -c constraints-zoo.txt opencv-python-headless
	touch $@

$(OLD_STAMP) $(ZOO_STAMP): %/.installed: %/.packages
	$*/bin/python $(PIP) --no-deps -e .
	touch $@
