# make live: the program with what it needs.   make test: lint, types and all tests.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: live test
live: .venv/live
	@$(BIN)/python run_live.py $(ARGS)

test: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	if [ -n "$$QT_QPA_PLATFORM" ]; then $(BIN)/pytest -n 2; \
	elif command -v xvfb-run >/dev/null; then xvfb-run -a $(BIN)/pytest -n 2; \
	else QT_QPA_PLATFORM=offscreen $(BIN)/pytest -n 2; fi

.venv/live: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	@echo "compiling the passes over pixels, once"
	$(BIN)/python run_live.py demo --headless --frames 1
	$(BIN)/python -c "from app.viewer.views import warm_up; warm_up()"
	touch $@

.venv/dev: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@
