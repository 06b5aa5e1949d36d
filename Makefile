# Each line calls a script of a few lines; both need nothing but Python 3.11 or newer.
.PHONY: demo test test-all check reference

demo: ## set up, draw a small synthetic study, run the pipeline, print where the report is
	@scripts/setup run
	@.venv/bin/rimlight demo

test: check ## set up, check form and types, run the tests
	@scripts/test

test-all: ## every test, the slow ones too
	@scripts/setup dev
	@scripts/test-all

check: ## form, types and floors
	@scripts/setup dev
	@scripts/check

reference: ## write docs/reference/commands.md and settings.md anew
	@scripts/setup dev
	@.venv/bin/python scripts/reference_pages.py
