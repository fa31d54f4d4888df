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

.PHONY: setup test test-all-clients test-ray demo lint clean

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
	$(BIN)/mypy tests/typing/api.py examples scripts benchmarks
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest -n auto
	$(MAKE) test-all-clients

$(BESIDE_STAMP): pyproject.toml
	$(PYTHON) -m venv $(BESIDE)
	$(BESIDE)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[instructor,fast,test]'
	touch $(BESIDE_STAMP)

test-all-clients: $(BESIDE_STAMP)
	$(BESIDE)/bin/python -m pytest -n auto tests/packer/clients \
		--ignore=tests/packer/clients/test_local.py --ignore=tests/packer/clients/test_llmock.py

$(RAY_STAMP): pyproject.toml
	$(PYTHON) -m venv $(RAY)
	$(RAY)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[ray,test]'
	touch $(RAY_STAMP)

# Without the first line a broken installation would skip every test and look fine.
test-ray: $(RAY_STAMP)
	$(RAY)/bin/python -c 'import ray.data'
	$(RAY)/bin/python -m pytest -v -o log_cli=true --log-cli-level=WARNING tests/packer/out/test_ray_data.py

demo: setup
	$(BIN)/python -m examples.demo

clean:
	rm -rf .venv .venv-instructor .venv-ray .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
