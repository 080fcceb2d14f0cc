# The scripts need nothing but python3; these are shorter names for them.
PYTHON ?= python3
VENV ?= .venv

.PHONY: demo test lint bench

demo:
	$(PYTHON) scripts/demo.py

test:
	$(PYTHON) scripts/test.py

lint:
	$(PYTHON) scripts/test.py --lint

bench:
	$(VENV)/bin/python bench/run.py
