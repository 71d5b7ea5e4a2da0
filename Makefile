PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help venv demo test

help:  ## print this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(BIN)/.installed  ## make .venv with everything that the project needs (once)

demo: venv  ## the bot on a local sandbox, to be tried in a browser
	$(BIN)/opisalka demo

test: venv  ## the whole check: ruff, mypy, pytest
	scripts/check
	scripts/test

# The stamp is younger than both files when the environment is up to date.
$(BIN)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --editable '.[dev,train]' --constraint constraints.txt
	touch $@
