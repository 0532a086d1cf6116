#!/usr/bin/env bash
# Whether every C++ file is as clang-format 14 would write it; shows what is not. Mend: make format
set -euo pipefail
cd "$(dirname "$0")/.."
command -v clang-format-14 >/dev/null || { echo "clang-format-14 is missing; run: make setup"; exit 1; }
files=$(git ls-files '*.cc' '*.h')
[ -n "$files" ] || exit 0
printf '%s\n' "$files" | xargs clang-format-14 --dry-run -Werror
