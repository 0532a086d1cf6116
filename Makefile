# Sartor: what people type. Everything is safe to repeat; nothing is done twice.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
JOBS ?= $(shell nproc)
WORKSPACE ?= build/demo
CTEST = ctest --output-on-failure --no-label-summary --timeout 900 -j $(JOBS)

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name what; do \
	  printf '  make %-11s %s\n' "$$name" "$$what"; done

setup:  ## install what is missing to build (Debian packages, DuckDB, LightGBM)
	@tools/setup.sh

build: setup build/release/build.ninja  ## build/release/bin/sartor
	@cmake --build --preset release -j $(JOBS) --target sartor

demo: build  ## from a shop's invoices to a proved recommendation, in build/demo
	@build/release/bin/sartor demo $(WORKSPACE)

test: setup build/release/build.ninja build/asan/build.ninja  ## every test; unit tests once more under ASan and UBSan
	@cmake --build --preset release -j $(JOBS)
	@cmake --build --preset asan -j $(JOBS) --target unit_tests
	@printf 'subdirs(release asan)\n' >build/CTestTestfile.cmake
	@$(CTEST) --test-dir build -LE long

check-all: test build/tsan/build.ninja  ## make test, then TSan, fuzzing and the long fault tests
	@cmake --build --preset tsan -j $(JOBS) --target unit_tests
	@mkdir -p build/check-all && printf 'subdirs(../release ../asan ../tsan)\n' >build/check-all/CTestTestfile.cmake
	@$(CTEST) --test-dir build/check-all -L 'long|tsan' --no-tests=error

# A preset's build folder; ninja re-runs cmake by itself when a list of sources changes.
build/%/build.ninja: | setup
	@cmake --preset $* >build/$*.log 2>&1 || { cat build/$*.log; exit 1; }

format:  ## clang-format everything
	@git ls-files -z '*.cc' '*.h' | xargs -0 clang-format-14 -i

lint:  ## clang-tidy on what changed since origin/main; ALL=1 for everything
	@tools/setup.sh lint
	@$(MAKE) build/dev/build.ninja
	@tools/lint.sh $(if $(ALL),--all)

clean:  ## remove what was built; fetched dependencies stay
	@find build -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} + 2>/dev/null || true

.PHONY: help setup build demo test check-all format lint clean
