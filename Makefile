# What a person needs is a target here:  make demo   make lab   make test
PYTHON ?= python3
PY := .venv/bin/python
# The machine's own certificates, where it has any: many universities look into TLS with their own.
UV := .venv/bin/uv $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),--system-certs)

.PHONY: help env demo lab desk tidy test test-long browser foreign notebooks sample bench lock clean

help:
	@echo "make demo        the whole way on invented people and a pretend Alma"
	@echo "make lab         JupyterLab with the notebooks, the pretend Alma at hand"
	@echo "make desk        the same on a copy of the notebooks, for real users"
	@echo "make tidy        remove the runs whose personal data is due for removal"
	@echo "make test        all tests;  make test-long: the long proofs as well"
	@echo "make bench       what is measured"
	@echo "make notebooks   run all notebooks on a fresh sandbox and keep their outputs"
	@echo "make sample      write the invented exports of data/sample and data/sample-earlier anew"
	@echo "make lock        pin the dependencies anew (requirements.lock, environment.yml)"
	@echo "make clean       stop the sandboxes and forget them; runs are kept"

# The environment is made again whenever the pins change.
env: .venv/.made
.venv/.made: requirements.lock pyproject.toml
	@tests/venv.sh "$(PYTHON)"
	@$(UV) pip sync -q --require-hashes requirements.lock
	@$(UV) pip install -q --no-deps -e .
	@touch $@

demo: env
	@$(PY) -m purgelib demo

lab: env
	@$(PY) -m purgelib lab

# For real users: the notebooks show names, so they are opened as copies that git ignores.
desk: env
	@$(PY) -m purgelib desk

tidy: env
	@$(PY) -m purgelib tidy

test: env browser foreign
	$(PY) -m pytest -q -n 2 --dist loadfile

test-long: env browser foreign
	$(PY) -m pytest -q -n 2 --dist loadfile -m "long or not long"

# Chromium is Debian's package; where it cannot be had, the browser tests say so and are skipped, but not in CI.
browser:
	@command -v chromium >/dev/null || tests/chromium.sh
	@test -f .axe/axe.min.js || tests/axe.sh

# Other people's Alma clients, in an environment of their own: the sandbox must be Alma to them.
foreign: env .foreign/.made
.foreign/.made: tests/foreign/requirements.lock tests/foreign/environment.sh | .venv/.made
	@tests/foreign/environment.sh $(UV)

notebooks: env
	$(PY) tests/record_notebooks.py

sample: env
	$(PY) -m purgelib.sandbox --write-exports data/sample --write-earlier data/sample-earlier

bench: env foreign
	$(PY) benchmarks/reading.py
	$(PY) benchmarks/sandbox.py
	$(PY) benchmarks/journal.py
	$(PY) benchmarks/pace.py
	$(PY) benchmarks/carrying.py
	$(PY) benchmarks/picking.py
	$(PY) benchmarks/pictures.py

lock: env
	$(UV) pip compile -q --universal --python-version 3.11 --extra test --generate-hashes --no-header \
	    --no-annotate pyproject.toml -o requirements.lock
	$(PY) tests/pins.py
	$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    tests/foreign/requirements.in -o tests/foreign/requirements.lock

clean: env
	$(PY) -m purgelib clean
