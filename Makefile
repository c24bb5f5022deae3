# Two commands do everything on a fresh machine: `make report` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SAMPLE := sample_data/larkspur
STORE ?= store
REPORTS ?= reports
MONTH ?= 2026-09

.PHONY: help report test reference check slow bench clean lock

help:            ## what each target does
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/  /'

$(READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

$(SAMPLE)/.written: $(wildcard src/helpers/data/sample/*.py src/helpers/data/sample/company/*.csv) | $(READY)
	rm -rf $(SAMPLE)
	$(BIN)/finops sample --to $(SAMPLE)
	@touch $@

# The deliveries of the sample in the order in which they came, then the company's own tables.
$(STORE)/kit.json: $(SAMPLE)/.written
	for delivery in $(SAMPLE)/2*; do $(BIN)/finops ingest $$delivery --to $(STORE) || exit $$?; done
	$(BIN)/finops ingest $(SAMPLE)/company --to $(STORE)
	$(BIN)/finops ingest $(SAMPLE)/usage --to $(STORE)
	$(BIN)/finops ingest $(SAMPLE)/later/actions.csv --to $(STORE)
	$(BIN)/finops ingest $(SAMPLE)/focus/contract_commitment.csv --to $(STORE)

report: $(STORE)/kit.json  ## sample company in, finished reports out, one for each notebook
	for notebook in $(basename $(notdir $(wildcard notebooks/*.ipynb))); do \
		$(BIN)/finops report $$notebook --data $(STORE) -p month=$(MONTH) --to $(REPORTS)/$$notebook || exit $$?; done

test: $(READY)   ## the tests; without Chromium those of pages are skipped with a reason
	$(BIN)/python -m pytest -n auto --dist loadfile

reference: $(READY)  ## the kept pictures of pages anew, after a change that is meant; look at them
	FINOPS_RENEW=1 $(BIN)/python -m pytest -q tests/browser/test_layout.py -k looks_as_it_did

slow: $(READY)   ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

check: $(READY)  ## formatter, linter, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(READY)  ## the benchmarks; results go to benchmarks/results
	for script in benchmarks/[a-z]*.py; do $(BIN)/python $$script || exit $$?; done

lock:            ## solve requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra s3 --extra dev pyproject.toml -o requirements.lock

clean:           ## remove what make made
	rm -rf $(VENV) $(SAMPLE) store reports lessons
