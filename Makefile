# `make lab` and `make test` are all one needs; `make help` lists the rest.
# Messages are in French: students read them.

VENV := .venv
PY := $(VENV)/bin/python
# The pins also hold for what builds a package that has no wheel (PIP_BUILD_CONSTRAINT: pip 25.3 and later).
PIP_INSTALL := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(PY) -m pip install
LAB_ARGS ?=
# The model roles that the labs use today; `make setup ROLES="masked causal"` brings fewer.
ROLES ?= masked causal instruct embedder
# A Python of your choice: make lab PYTHON=/path/to/python3.12
PYTHON ?=
CANDIDATES := $(or $(PYTHON),python3.11 python3.12 python3.13 python3)
ALLOW_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

# A stamp says: these packages are installed here.  It is void when the folder has moved or its Python is gone.
CORE := $(VENV)/core.stamp
FULL := $(VENV)/full.stamp
$(shell { [ "$$(cat $(CORE) 2>/dev/null)" = "$(CURDIR)" ] && $(PY) -c ''; } 2>/dev/null || rm -f $(CORE) $(FULL))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup lab update handin test test-browser test-slow release grade report import-moodle moodle bench-grade demo \
  formgrader site screenshot pins clean

help:  ## cette liste
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 : /p' $(MAKEFILE_LIST)

lab: setup  ## installe tout au besoin, puis ouvre JupyterLab sur notebooks/
	@echo "==> JupyterLab : ouvrez l'adresse affichée ci-dessous (Ctrl+C pour arrêter)"
	@mkdir -p notebooks
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PY) -m jupyterlab --no-browser --log-level=WARN --ServerApp.root_dir=notebooks $(ALLOW_ROOT) $(LAB_ARGS)

update: $(CORE)  ## la nouvelle version du cours, dans vos notebooks aussi : vos réponses restent (NOTEBOOK=copie.ipynb)
	@$(PY) -m utils.update --pull $(if $(NOTEBOOK),"$(NOTEBOOK)")
	@$(MAKE) --no-print-directory setup

handin: $(CORE)  ## NOTEBOOK=tp1_mlm.ipynb : vérifie un notebook et prépare l'archive à rendre
	@$(PY) -m utils.handin "$(NOTEBOOK)"

setup: $(CORE)  ## environnement, modèles, données, diagnostic ; sans ouvrir JupyterLab
	@echo "==> Modèles et données"
	@$(PY) -m utils.models fetch $(ROLES)
	@$(PY) -m utils.corpora fetch
	@echo "==> Diagnostic"
	@$(PY) -m utils.doctor || echo "==> À réparer : les lignes [FAIL] ci-dessus disent comment."

$(CORE): pyproject.toml constraints.txt
	@echo "==> Environnement Python dans $(VENV)/"
	@$(PY) -c 'import pip' 2>/dev/null || { rm -rf $(VENV); $(MAKE) --no-print-directory $(VENV); }
	@echo "==> Bibliothèques (quelques minutes la première fois)"
	@$(PIP_INSTALL) --editable .
	@echo "$(CURDIR)" > $@

$(FULL): $(CORE)
	@echo "==> Bibliothèques de correction et de test"
	@$(PIP_INSTALL) --editable '.[grading,cluster,site,dev]'
	@touch $@

$(VENV):
	@for python in $(CANDIDATES); do \
	  "$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue; \
	  echo "    $$("$$python" --version), $$(command -v "$$python")"; "$$python" -m venv $@ && exit 0; rm -rf $@; exit 1; \
	done; \
	echo "Il faut Python 3.11, 3.12 ou 3.13 avec son module venv (essayés : $(CANDIDATES))."; \
	echo "Installez-le (Debian, Ubuntu : sudo apt install python3 python3-venv ; macOS : brew install python@3.12),"; \
	echo "ou indiquez-le : make lab PYTHON=/chemin/vers/python3.12"; exit 1

test: setup $(FULL)  ## toute la suite de tests, sauf ce qui dure plusieurs minutes
	$(PY) -m ruff check .
	$(PY) -m grading.release --check
	$(PY) -m pytest -m "not slow and not browser" --durations=10

test-browser: setup $(FULL)  ## JupyterLab, formgrader et le site dans Chromium (sans Chromium : rien, et c'est dit)
	$(PY) -m pytest -m "browser and not slow" -rs --durations=10 tests/browser

test-slow: setup $(FULL)  ## les tests longs : notebooks entiers, site entier, installation neuve
	$(PY) -m pytest -m slow --durations=0 $(PYTEST_ARGS)

release: $(FULL)  ## solutions/ → notebooks/
	@$(PY) -m grading.release

grade: setup $(FULL)  ## grading/submitted/ → notes, rapports, grades.csv (LAB=tp1_mlm : un seul TP ; JOBS=2 : copies à la fois ; SANDBOX=0 : sans isolation ; SCHEDULER=local:2 ou une adresse : Dask)
	@$(PY) -m grading.grade $(LAB) $(if $(JOBS),--jobs $(JOBS)) $(if $(filter 0,$(SANDBOX)),--no-sandbox) $(if $(SCHEDULER),--scheduler $(SCHEDULER)) $(GRADE_ARGS)

report: $(FULL)  ## le bilan de la classe, grading/report/<tp>.html, sans rien corriger de nouveau (LAB=tp1_mlm : un seul TP)
	@$(PY) -m grading.report $(LAB)

import-moodle: $(FULL)  ## ZIP=… LAB=… : les copies téléchargées de Moodle → grading/submitted/ (WORKSHEET=… : sa feuille de notes)
	@$(PY) -m grading.moodle import "$(ZIP)" --lab "$(LAB)" $(if $(WORKSHEET),--worksheet "$(WORKSHEET)")

moodle: $(FULL)  ## LAB=… : les notes et les rapports pour Moodle → grading/moodle/<tp>/ (WORKSHEET=… : sa feuille de notes)
	@$(PY) -m grading.moodle export --lab "$(LAB)" $(if $(WORKSHEET),--worksheet "$(WORKSHEET)") $(if $(PROVISIONAL),--provisional)

bench-grade: setup $(FULL)  ## mesure la correction, avec nbgrader seul et ici → docs/grading-bench.md (BENCH_ARGS="--sizes 1 5")
	@$(PY) -m grading.bench $(BENCH_ARGS)

demo: setup $(FULL)  ## une classe fictive, corrigée de bout en bout
	@$(PY) -m grading.demo

formgrader: $(FULL)  ## l'interface de correction de nbgrader (COURSE=build/demo/tp1_mlm : celle de la classe fictive)
	@$(PY) -m grading.formgrader $(COURSE)

site: setup $(FULL)  ## le site du cours : build/site/ et, pour l'enseignant, build/site-enseignant/ (SITE_ARGS="--budget small")
	@$(PY) -m website.build $(SITE_ARGS)

screenshot: $(FULL)  ## NOTEBOOK=exécuté.ipynb PNG=docs/tp1.png : l'image du README (demande Chromium)
	@$(PY) tools/screenshot.py $(NOTEBOOK) $(PNG) $(SCREENSHOT_ARGS)

pins: $(FULL)  ## pyproject.toml → constraints.txt, pour tous les systèmes (UPGRADE=1 : dernières versions)
	@$(PY) -m pip install --quiet uv
	@$(PY) -m uv pip compile pyproject.toml --all-extras --universal --annotation-style line --quiet \
	  --custom-compile-command "make pins" $(if $(UPGRADE),--upgrade) --output-file constraints.txt

clean:  ## efface ce que make a construit (ni les copies, ni les notes, ni le cache des modèles)
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
