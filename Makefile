# Everything runs in .venv, made with the first python3 on PATH; `make PYTHON=python3.12 demo` takes another.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto
# A file goes to one worker, which makes what its tests share. pytest keeps the code of tests as it has rewritten it.
PYTEST = $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK = 1

KERNEL := $(wildcard kernel/*.c kernel/*.h) hatch_build.py
# Where the kernel can be built, a failure is an error. KXCLI_KERNEL=off make ... installs without it.
INSTALL = KXCLI_KERNEL=$${KXCLI_KERNEL-$$($(BIN)/python .ci/kernel_setting.py)} $(BIN)/python -m pip install --quiet

.PHONY: demo test test-quick test-slow test-fallback check audit docs man format bench clean

demo: $(VENV)/.installed
	$(BIN)/kxcli --version
	@echo
	$(BIN)/kxcli wordcount --top 10 data/samples/news.txt data/samples/tech.txt data/samples/essays.txt.gz
	@echo
	$(BIN)/kxcli wordcount --by label --top 5 --min-length 2 data/samples/reviews.jsonl
	@echo
	$(BIN)/kxcli wordcount -r --encoding auto -q --ngram 2 --df --header --top 5 data/samples --glob '*.txt'
	@echo
	$(BIN)/kxcli segment --field text -f jsonl data/samples/reviews.jsonl | head -n 2
	@echo
	$(BIN)/kxcli keywords --header --top 1 data/samples/mentions.txt | head -n 6
	@echo
	$(BIN)/kxcli kwic -f table --width 24 --sample 5 青禾镇 data/samples/news.txt
	@echo
	$(BIN)/kxcli keyness --by label --top 5 --header data/samples/reviews.jsonl | cut -f 1-8
	@echo
	$(BIN)/kxcli collocate --pairs --sort log_likelihood --top 5 --header data/samples/news.txt
	@echo
	$(BIN)/kxcli newwords -r --encoding auto -q --header --top 5 data/samples --glob '*.txt'
	@echo
	$(BIN)/kxcli entity-link --kb data/samples/encyclopedia.jsonl -f tsv --header data/samples/mentions.txt
	@echo
	$(BIN)/kxcli entity-link --kb data/samples/encyclopedia.jsonl --evaluate data/samples/labelled.jsonl | cut -f 1-7
	@echo
	$(BIN)/kxcli hsic -x x -y parabola data/samples/noise.tsv
	@echo
	$(BIN)/kxcli hsic --screen label -x text --kernel-x bow --min-df 3 --top 5 --header data/samples/reviews.jsonl

test: $(VENV)/.test
	$(PYTEST) -m "not slow"

test-quick: $(VENV)/.test
	$(PYTEST) -m "not slow and not full"

test-slow: $(VENV)/.test
	$(PYTEST) --hypothesis-profile=random

# The first case of each test of segmentation and counts, without the compiled kernel, as where there is no compiler.
test-fallback: $(VENV)/.test
	KXCLI_KERNEL=off $(PYTEST) -m "not slow and not full" \
		tests/test_segmentation.py tests/test_counting.py tests/test_spilling.py tests/test_wordcount.py tests/test_wordlists.py \
		tests/test_tally.py tests/test_branching.py tests/test_newwords.py tests/test_collocate.py \
		tests/test_document_counts.py tests/test_document_commands.py

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/clang-format --dry-run -Werror kernel/*.[ch]

# Asks a service on the network whether the installed versions have known holes, so it is no part of check.
audit: $(VENV)/.dev
	$(BIN)/python -m pip freeze --exclude-editable > $(VENV)/audit.txt
	$(BIN)/pip-audit --strict --no-deps --disable-pip -r $(VENV)/audit.txt || { \
		code=$$?; echo "audit: holes were found, or the service could not be reached; see above" >&2; exit $$code; }

docs: $(VENV)/.dev
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -b html docs build/docs

man: $(VENV)/.dev
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -b man docs build/man

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i kernel/*.[ch]

# Files to measure on: make bench FILES="a.txt b.txt"
bench: $(VENV)/.installed
	$(BIN)/python benchmarks/wordcount.py $(FILES)
	$(BIN)/python benchmarks/segment.py $(FILES)
	$(BIN)/python benchmarks/keywords.py $(FILES)
	$(BIN)/python benchmarks/kwic.py $(FILES)
	$(BIN)/python benchmarks/keyness.py $(wordlist 1,2,$(FILES) $(FILES))
	$(BIN)/python benchmarks/collocate.py $(FILES)
	$(BIN)/python benchmarks/newwords.py $(FILES)
	$(BIN)/python benchmarks/entity_link.py $(FILES)
	$(BIN)/python benchmarks/hsic.py
	$(BIN)/python benchmarks/scaling.py $(FILES)

clean:
	rm -rf $(VENV) kxcli/_kernel*.so kxcli/_kernel*.pyd dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("kxcli needs Python 3.11 or later, this is " + sys.version.split()[0] + "; name another: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml $(KERNEL)
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml $(KERNEL)
	$(INSTALL) --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml $(KERNEL)
	$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.test $(VENV)/.installed
