# make report   an HTML report on a real data set
# make test     the quick tests
#
# Each makes what it needs in .venv first, at the versions of constraints.txt.

# By file, as tests of one file share what they fit.
PYTEST = .venv/bin/pytest --numprocesses auto --dist loadfile
SPHINX = .venv/bin/sphinx-build
DEPENDENCIES = pyproject.toml constraints.txt tools/environment.sh

export MPLBACKEND = Agg

.NOTPARALLEL:
.PHONY: help report test test-slow lint types docs notebooks bench clean

help:
	@echo "make report      write report.html: Old Faithful, up to four components"
	@echo "make test        the quick tests          make test-slow   the others"
	@echo "make lint        ruff                     make types       pyright"
	@echo "make docs        docs/_build/html         make notebooks   execute them all"
	@echo "make bench       benchmarks (long)        make clean       remove what was made"

report: .venv/.made-run
	.venv/bin/bayesgmm report faithful --max-components 4 -o report.html
	@echo "The report is at $(CURDIR)/report.html"

test: .venv/.made-test
	$(PYTEST) -m "not slow"

test-slow: .venv/.made-test .venv/.made-backends
	$(PYTEST) -m slow

lint: .venv/.made-lint
	.venv/bin/ruff check
	.venv/bin/ruff format --check

types: .venv/.made-lint .venv/.made-backends
	.venv/bin/pyright

docs: .venv/.made-docs
	$(SPHINX) --quiet --fail-on-warning --keep-going --nitpicky -b html docs docs/_build/html
	@echo "The documentation is at $(CURDIR)/docs/_build/html/index.html"

notebooks: .venv/.made-notebooks
	.venv/bin/python tools/run_notebooks.py notebooks/*.ipynb

bench: .venv/.made-run
	.venv/bin/python benchmarks/em.py --plot docs/images/em-scaling.svg
	.venv/bin/python benchmarks/posterior.py

clean:
	rm -rf .venv build dist docs/_build docs/api/generated report.html
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment; a stamp tells for which groups it is complete. Only package changes reach it
# by themselves (the install is editable), so it is made once, and again when these files change.
.venv/.made-run: $(DEPENDENCIES)
	@tools/environment.sh
	@touch $@

.venv/.made-%: $(DEPENDENCIES)
	@tools/environment.sh $*
	@touch .venv/.made-run $@
