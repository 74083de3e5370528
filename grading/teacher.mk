# Targets of the teacher's repository, included by the Makefile.

.PHONY: check test test-browser test-slow release measure students grade report import-moodle moodle bench-grade demo formgrader site \
  screenshot pins

$(FULL): $(CORE)
	@echo "==> Bibliothèques de correction et de test"
	@$(PIP_INSTALL) --editable '.[grading,cluster,site,dev]'
	@touch $@

# As many tests at once as cores, a module on one of them (its fixtures are made once); `JOBS=0`: one after the other.
AT_ONCE = -n $(or $(JOBS),auto) --dist loadgroup --no-loadscope-reorder

check: $(FULL)  ## mise en forme, erreurs, types, notebooks à jour et sans fuite : moins d'une minute
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m authoring.release --check
	$(PY) -m authoring.generated --check

test: setup check  ## toute la suite de tests, sauf ce qui dure plusieurs minutes (FRESH=1 : sans rien reprendre de ce qui avait réussi)
	$(PY) -m pytest -m "not slow and not browser" $(AT_ONCE) --durations=10 $(PYTEST_ARGS)

test-browser: setup $(FULL)  ## JupyterLab, formgrader et le site dans Chromium (sans Chromium : rien, et c'est dit)
	$(PY) -m pytest -m "browser and not slow" -rs --durations=10 $(PYTEST_ARGS) tests/browser

test-slow: setup $(FULL)  ## les tests longs : notebooks entiers, site entier, installation neuve
	$(PY) -m pytest -m slow $(AT_ONCE) --durations=0 $(PYTEST_ARGS)

release: $(FULL)  ## solutions/ → notebooks/, et ce que les README et docs/ disent des TP
	@$(PY) -m authoring.release
	@$(PY) -m authoring.generated

measure: setup $(FULL)  ## LAB=tp1_mlm : exécute le corrigé, budget complet, et note ce qu'il demande → solutions/<tp>/measures.json
	@$(if $(LAB),,echo "Indiquez le TP : make measure LAB=tp1_mlm"; exit 1)
	@$(PY) -m authoring.reference $(LAB) --measure

students: release  ## TO=../cours-etudiants : le dépôt à donner aux étudiants, sans solutions ni tests ni correction
	@$(PY) -m authoring.edition "$(TO)"

grade: ready $(FULL)  ## class/submitted/ → notes, rapports, grades.csv (LAB=tp1_mlm : un seul TP ; JOBS=2 : copies à la fois ; SANDBOX=0 : sans isolation ; SCHEDULER=local:2 ou une adresse : Dask)
	@$(PY) -m grading.grade $(LAB) $(if $(JOBS),--jobs $(JOBS)) $(if $(filter 0,$(SANDBOX)),--no-sandbox) $(if $(SCHEDULER),--scheduler $(SCHEDULER)) $(GRADE_ARGS)

report: $(FULL)  ## le bilan de la classe, class/report/<tp>.html, sans rien corriger de nouveau (LAB=tp1_mlm : un seul TP)
	@$(PY) -m grading.reports.class_report $(LAB)

import-moodle: $(FULL)  ## ZIP=… LAB=… : les copies téléchargées de Moodle → class/submitted/ (WORKSHEET=… : sa feuille de notes)
	@$(PY) -m grading.moodle import "$(ZIP)" --lab "$(LAB)" $(if $(WORKSHEET),--worksheet "$(WORKSHEET)")

moodle: $(FULL)  ## LAB=… : les notes et les rapports pour Moodle → class/moodle/<tp>/ (WORKSHEET=… : sa feuille de notes)
	@$(PY) -m grading.moodle export --lab "$(LAB)" $(if $(WORKSHEET),--worksheet "$(WORKSHEET)") $(if $(PROVISIONAL),--provisional)

bench-grade: ready $(FULL)  ## mesure la correction, avec nbgrader seul et ici → docs/grading-bench.md (BENCH_ARGS="--sizes 1 5")
	@$(PY) -m grading.bench $(BENCH_ARGS)

demo: ready $(FULL)  ## une classe fictive, corrigée de bout en bout → build/demo/ (LAB=tp1_mlm : un seul TP)
	@$(PY) -m grading.demo $(LAB)

formgrader: $(FULL)  ## l'interface de correction de nbgrader (COURSE=build/demo/tp1_mlm : celle de la classe fictive)
	@$(PY) -m grading.formgrader $(COURSE)

site: setup $(FULL)  ## le site du cours : build/site/ et, pour l'enseignant, build/site-enseignant/ (SITE_ARGS="--budget small")
	@$(PY) -m website.build $(SITE_ARGS)

screenshot: $(FULL)  ## NOTEBOOK=exécuté.ipynb PNG=docs/tp1.png : l'image du README (demande Chromium)
	@$(PY) authoring/screenshot.py $(NOTEBOOK) $(PNG) $(SCREENSHOT_ARGS)

pins: $(FULL)  ## pyproject.toml → constraints.txt, pour tous les systèmes (UPGRADE=1 : dernières versions)
	@$(PY) -m pip install --quiet uv
	@$(PY) -m uv pip compile pyproject.toml --all-extras --universal --annotation-style line --quiet \
	  --custom-compile-command "make pins" $(if $(UPGRADE),--upgrade) --output-file constraints.txt
