#!/usr/bin/env bash
# clang-tidy 14 over the C++ files that differ from origin/main, committed or not; with --all over
# every one. Headers are looked at through the .cc files that include them. Prints each finding once.
set -euo pipefail
cd "$(dirname "$0")/.."
base=$(git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD)
if [ "${1-}" = --all ]; then
  files=$(git ls-files '*.cc')
else
  files=$({ git diff --name-only --diff-filter=d "$base" -- '*.cc'; git ls-files -o --exclude-standard '*.cc'; } | sort -u)
fi
[ -n "$files" ] || { echo "lint: no C++ file changed since ${base:0:12}"; exit 0; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The compiler is gcc: clang may not know all of its warnings.
printf '%s\n' "$files" | xargs -P "$(nproc)" -n 1 clang-tidy-14 -p build/dev --quiet \
  --extra-arg=-Wno-unknown-warning-option >"$log" 2>/dev/null || true
# clang 14 lacks parts of C++20 that gcc 12 has (a lambda that captures a structured binding, a
# vector of a pair of an incomplete type): what it cannot compile is gcc's to judge.
if grep -E ': (error|warning): .*\[[a-z]' "$log" | grep -v 'clang-diagnostic-error' |
  sed "s#^$PWD/##" | sort -u | grep .; then
  exit 1
fi
echo "lint: $(printf '%s\n' "$files" | wc -l) files, nothing found"
