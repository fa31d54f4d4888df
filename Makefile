# make setup | make test | make demo: each works on a fresh clone and needs no other step.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# instructor holds openai back to an older release than users without it get, so it has an environment of
# its own: both sets of versions are tested.
BESIDE := .venv-instructor
BESIDE_STAMP := $(BESIDE)/.installed
# Ray is large and slow to start: an environment of its own, and a job of its own (.ci/ray), not part of `test`.
RAY := .venv-ray
RAY_STAMP := $(RAY)/.installed

# What pyproject promises: the oldest versions its bounds allow, and the newest there are; .ci/versions runs both.
LOWEST := .venv-lowest
NEWEST := .venv-newest
EXTRAS := audit,fast,local,parquet,test
# The wheel, in an environment that has never seen this folder; .ci/dist.
DIST := .venv-dist
# Left out of those three: the crash tests and the real model, which say nothing about versions and take half the
# time, and what reads the source tree (the wheel's own contents, the pages, the plugin's coverage).
ELSEWHERE := -m 'not real_model' --ignore=tests/crash --ignore=tests/docs --ignore=tests/test_docs.py \
	--ignore=tests/test_dist.py

.PHONY: setup test test-all-clients coverage test-ray test-dist test-lowest test-newest mutants demo docs lint clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "packsplit needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $(STAMP)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy tests/typing examples scripts benchmarks
	$(BIN)/basedpyright
	$(BIN)/lint-imports

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Both environments are made at once: most of that is waiting for the package index and the disk.
test:
	$(MAKE) -j2 setup $(BESIDE_STAMP)
	$(MAKE) lint docs
	$(BIN)/python -m pytest -n auto
	$(MAKE) test-all-clients

$(BESIDE_STAMP): pyproject.toml
	$(PYTHON) -m venv $(BESIDE)
	$(BESIDE)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[instructor,fast,test]'
	touch $(BESIDE_STAMP)

test-all-clients: $(BESIDE_STAMP)
	$(BESIDE)/bin/python -m pytest -n auto tests/packer/clients \
		--ignore=tests/packer/clients/test_local.py --ignore=tests/packer/clients/test_llmock.py

# Branches too. Processes that tests start count; those that tests/crash kills cannot, so it is left out.
coverage: setup $(BESIDE_STAMP)
	$(BIN)/python -m coverage erase
	$(BIN)/python -m pytest -n auto --ignore=tests/crash --cov --cov-report=
	$(BESIDE)/bin/python -m pytest -n auto tests/packer/clients --cov --cov-append --cov-report= \
		--ignore=tests/packer/clients/test_local.py --ignore=tests/packer/clients/test_llmock.py
	$(BIN)/python -m coverage report --skip-covered --sort=cover
	$(BIN)/python -m scripts.branches

$(RAY_STAMP): pyproject.toml
	$(PYTHON) -m venv $(RAY)
	$(RAY)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[ray,test]'
	touch $(RAY_STAMP)

# Without the first line a broken installation would skip every test and look fine.
test-ray: $(RAY_STAMP)
	$(RAY)/bin/python -c 'import ray.data'
	$(RAY)/bin/python -m pytest -v -o log_cli=true --log-cli-level=WARNING tests/packer/out/test_ray_data.py

# The sdist makes the wheel, the wheel is installed, and the sdist's tests run where no package of ours lies beside them.
test-dist: setup
	rm -rf $(DIST) dist
	$(BIN)/python -m hatchling build -t sdist
	$(PYTHON) -m venv $(DIST)
	mkdir $(DIST)/sdist && tar -xzf dist/*.tar.gz -C $(DIST)/sdist --strip-components=1
	cd $(DIST)/sdist && ../../$(BIN)/python -m hatchling build -t wheel -d ../../dist
	$(DIST)/bin/python -m pip install --quiet --disable-pip-version-check "$$(ls dist/*.whl)[fast,test]"
	rm -r $(DIST)/sdist/packer $(DIST)/sdist/splitter $(DIST)/sdist/schemas
	cd $(DIST)/sdist && ../bin/python -c 'import packer; assert "site-packages" in packer.__file__, packer.__file__'
	cd $(DIST)/sdist && ../bin/python -m pytest -n auto $(ELSEWHERE)

# pip has no such resolution; uv comes from the package index as any other tool.
$(LOWEST)/.installed: pyproject.toml
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct -e '.[$(EXTRAS)]'
	touch $@

test-lowest: $(LOWEST)/.installed
	$(LOWEST)/bin/python -m pytest -n auto $(ELSEWHERE)

$(NEWEST)/.installed: pyproject.toml
	$(PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade -e '.[$(EXTRAS)]'
	touch $@

test-newest: $(NEWEST)/.installed
	$(NEWEST)/bin/python -m pytest -n auto $(ELSEWHERE)

# Mutants of what decides on answers, and which of them no test noticed; hours for all, so never part of `test`
# (docs/mutants.md). ONLY= names some of them: make mutants ONLY='packer.binpack*'
MUTANTS := .venv-mutants
ONLY ?=

$(MUTANTS)/.installed: pyproject.toml
	$(PYTHON) -m venv $(MUTANTS)
	$(MUTANTS)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[fast,test]' 'mutmut>=3.8,<4'
	touch $@

mutants: $(MUTANTS)/.installed
	nice -n 10 $(MUTANTS)/bin/mutmut run --max-children 1 $(foreach each,$(ONLY),'$(each)')
	$(MUTANTS)/bin/python -m scripts.mutants

demo: setup
	$(BIN)/python -m examples.demo

clean:
	rm -rf .venv .venv-*/ dist site mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
