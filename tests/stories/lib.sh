# What every story starts with: . "$(dirname "$0")/lib.sh"
#
# A story runs in a fresh empty folder, which is removed afterwards. $SARTOR is the program under
# test. The last command's results are in $code, and the files $out (stdout) and $err (stderr).
#
#   run CODE COMMAND…       runs it and expects this exit code; `sartor` is $SARTOR
#   has TEXT [FILE]         the file ($out) has the text
#   has_not TEXT [FILE]     and this one it has not
#   json EXPRESSION [FILE]  prints a Python expression over `j`, the JSON document of the file's last
#                           line: json "j['general']['metrics']['test']['ndcg@10']"
#   check EXPRESSION [FILE] expects such an expression to be true
#   same FILE FILE          equal bytes (or equal trees)
#   example NAME            prints examples/NAME's folder
#   small_shop FOLDER [N]   the Online Retail example with every Nth customer (fourth) and what they
#                           buy at least 20 times, ready to be run
#   skip WHY                ends the story as skipped
set -uo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${SARTOR:=$source_dir/build/release/bin/sartor}"
story=$(mktemp -d "${TMPDIR:-/tmp}/sartor-story.XXXXXX")
out=$story/.out err=$story/.err code=0
export NO_COLOR=1
trap 'rm -rf "$story"' EXIT
cd "$story" || exit 1

sartor() { "$SARTOR" "$@"; }

# Says where and why, shows what the last command said, and ends the story.
fail() {
  local i
  for ((i = 1; i < ${#BASH_SOURCE[@]}; ++i)); do
    [ "${BASH_SOURCE[i]}" = "${BASH_SOURCE[0]}" ] || break
  done
  printf '%s:%s: %s\n' "${BASH_SOURCE[i]-$0}" "${BASH_LINENO[i - 1]-?}" "$*"
  [ -f "$out" ] && { printf -- '--- stdout (last lines)\n'; tail -n 30 "$out"; }
  [ -f "$err" ] && { printf -- '--- stderr (last lines)\n'; tail -n 30 "$err"; }
  exit 1
}

skip() { printf 'skipped: %s\n' "$*"; exit 77; }

run() {
  local expected=$1
  shift
  "$@" >"$out" 2>"$err" </dev/null
  code=$?
  [ "$code" = "$expected" ] || fail "\`$*\` exited with $code, expected $expected"
}

has() { grep -qF -e "$1" "${2:-$out}" || fail "'$1' is not in $(basename "${2:-$out}")"; }
has_not() { if grep -qF -e "$1" "${2:-$out}"; then fail "'$1' is in $(basename "${2:-$out}")"; fi; }
same() { diff -rq "$1" "$2" >"$err" 2>&1 || fail "$1 and $2 differ"; }
example() { printf '%s\n' "$source_dir/examples/$1"; }
small_shop() {
  mkdir -p "$1" && cp "$source_dir/examples/online-retail"/* "$1"
  sed -i "s/'^\[0-9\]')\"/'^[0-9]') AND CustomerID % ${2:-4} = 0\"/" "$1/sartor.toml"
  grep -q "% ${2:-4} = 0" "$1/sartor.toml" || fail "the example's keep has changed"
  printf '\n[data]\nmin_item_events = 20\n' >> "$1/sartor.toml"
}

json() {
  python3 - "$1" "${2:-$out}" <<'PY'
import json, math, sys
with open(sys.argv[2], encoding="utf-8") as file:
    j = json.loads(file.read().strip().splitlines()[-1])
value = eval(sys.argv[1], {"j": j, "math": math})
print(json.dumps(value) if isinstance(value, (dict, list, bool)) or value is None else value)
PY
}

check() {
  local value
  value=$(json "$@" 2>&1) || fail "$1: $value"
  [ "$value" = true ] || fail "$1 is $value"
}
