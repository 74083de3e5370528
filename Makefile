# `make lab` and `make test` are all one needs; `make help` lists the rest.
# Messages are in French, or in English with COURSE_LANG=en: students read them.

VENV := .venv
PY := $(VENV)/bin/python
# The pins also hold for what builds a package that has no wheel (PIP_BUILD_CONSTRAINT: pip 25.3 and later).
PIP_INSTALL := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(PY) -m pip install
LAB_ARGS ?=
# The labs whose models, corpora and libraries come: all, or make lab LABS="tp1_mlm tp4_rag"
LABS ?=
# A Python of your choice: make lab PYTHON=/path/to/python3.12
PYTHON ?=
CANDIDATES := $(or $(PYTHON),python3.11 python3.12 python3.13 python3)
ALLOW_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

# Says its first text, or the second to those who ask for English.
SAY := say() { if [ "$$COURSE_LANG" = en ]; then echo "$$2"; else echo "$$1"; fi; }; say

# A stamp says: these packages are installed here.  It is void when the folder has moved or its Python is gone.
CORE := $(VENV)/core.stamp
FULL := $(VENV)/full.stamp
$(shell { [ "$$(cat $(CORE) 2>/dev/null)" = "$(CURDIR)" ] && $(PY) -c ''; } 2>/dev/null || rm -f $(CORE) $(FULL))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup ready extras lab update handin clean

help:  ## cette liste
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 : /p' $(MAKEFILE_LIST)

lab: setup  ## installe tout au besoin, puis ouvre JupyterLab sur notebooks/ (LABS="tp1_mlm tp4_rag" : de quoi faire ces TP)
	@$(SAY) "==> JupyterLab : ouvrez l'adresse affichée ci-dessous (Ctrl+C pour arrêter)" \
	  "==> JupyterLab: open the address printed below (Ctrl+C to stop)"
	@mkdir -p notebooks
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PY) -m jupyterlab --no-browser --log-level=WARN --ServerApp.root_dir=notebooks $(ALLOW_ROOT) $(LAB_ARGS)

update: $(CORE)  ## la nouvelle version du cours, dans vos notebooks aussi : vos réponses restent (NOTEBOOK=copie.ipynb)
	@$(PY) -m utils.student.update --pull $(if $(NOTEBOOK),"$(NOTEBOOK)")
	@$(MAKE) --no-print-directory ready

handin: $(CORE)  ## NOTEBOOK=tp1_mlm.ipynb : vérifie un notebook et prépare l'archive à rendre
	@$(if $(NOTEBOOK),,$(SAY) "Indiquez le notebook : make handin NOTEBOOK=tp1_mlm.ipynb" \
	  "Say which notebook: make handin NOTEBOOK=tp1_mlm.ipynb"; exit 1)
	@$(PY) -m utils.student.handin "$(NOTEBOOK)"

setup: extras  ## environnement, modèles, données, diagnostic ; sans ouvrir JupyterLab
	@$(SAY) "==> Modèles et données" "==> Models and data"
	@$(PY) -m utils.labs fetch $(LABS)
	@$(SAY) "==> Diagnostic" "==> Diagnosis"
	@$(PY) -m utils.student.doctor $(LABS) || { $(SAY) "==> À réparer : les lignes [FAIL] ci-dessus disent comment." \
	  "==> To be mended: the [FAIL] lines above say how."; }

# As setup, saying only what is wrong: for what comes before something else.
ready: extras
	@$(PY) -m utils.labs fetch $(LABS) > /dev/null
	@$(PY) -m utils.student.doctor --brief $(LABS) || { $(SAY) "==> À réparer : les lignes [FAIL] ci-dessus disent comment." \
	  "==> To be mended: the [FAIL] lines above say how."; }

$(CORE): pyproject.toml constraints.txt
	@$(SAY) "==> Environnement Python dans $(VENV)/" "==> Python environment in $(VENV)/"
	@$(PY) -c 'import pip' 2>/dev/null || { rm -rf $(VENV); $(MAKE) --no-print-directory $(VENV); }
	@$(SAY) "==> Bibliothèques (quelques minutes la première fois)" "==> Libraries (a few minutes the first time)"
	@$(PIP_INSTALL) --editable .
	@echo "$(CURDIR)" > $@

# The libraries that only these labs want, each extra of pyproject.toml once.
extras: $(CORE)
	@extras=$$($(PY) -m utils.labs extras $(LABS)) || exit 1; for extra in $$extras; do \
	  [ $(VENV)/extra-$$extra.stamp -nt $(CORE) ] || \
	  { $(PIP_INSTALL) --editable ".[$$extra]" && touch $(VENV)/extra-$$extra.stamp; } || exit 1; \
	done

$(VENV):
	@for python in $(CANDIDATES); do \
	  "$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue; \
	  echo "    $$("$$python" --version), $$(command -v "$$python")"; "$$python" -m venv $@ && exit 0; rm -rf $@; exit 1; \
	done; \
	$(SAY) "Il faut Python 3.11, 3.12 ou 3.13 avec son module venv (essayés : $(CANDIDATES))." \
	  "Python 3.11, 3.12 or 3.13 is needed, with its venv module (tried: $(CANDIDATES))."; \
	$(SAY) "Installez-le (Debian, Ubuntu : sudo apt install python3 python3-venv ; macOS : brew install python@3.12)," \
	  "Install it (Debian, Ubuntu: sudo apt install python3 python3-venv; macOS: brew install python@3.12),"; \
	$(SAY) "ou indiquez-le : make lab PYTHON=/chemin/vers/python3.12" \
	  "or say where it is: make lab PYTHON=/path/to/python3.12"; exit 1

# What teachers and authors run; the student edition (`make students`) is without.
-include grading/teacher.mk

clean:  ## efface ce que make a construit (ni les copies, ni les notes, ni le cache des modèles)
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
