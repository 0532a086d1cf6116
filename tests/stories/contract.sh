# Thousands of requests made from /openapi.json by schemathesis, right and wrong ones: no answer
# breaks the document's promises, no wrong request is taken, none makes a server error.
# CONTRACT_SECONDS is how long it tries.
. "$(dirname "$0")/lib.sh"
tool=${SCHEMATHESIS:-$(command -v schemathesis)}
if [ -z "$tool" ]; then
  python3 -m venv tool >/dev/null 2>&1 && tool/bin/pip install -q schemathesis==4.32.5 >"$err" 2>&1 ||
    skip "schemathesis is not there and cannot be installed"
  tool=$story/tool/bin/schemathesis
fi
server=0
trap '[ "$server" = 0 ] || kill "$server" 2>/dev/null; rm -rf "$story"' EXIT
small_shop shop 16
run 0 sartor run shop -q --set tuning.trials=5 --set split.earlier=0 \
  --set 'models.families=["popularity","own_history"]'
"$SARTOR" serve shop --port 0 >served.txt 2>served.err &
server=$!
for _ in $(seq 100); do grep -qs 'at http' served.txt && break; sleep 0.1; done
url=$(grep -o 'http://[0-9.:]*' served.txt | head -n 1)

"$tool" --config-file "$source_dir/tests/schemathesis.toml" run "$url/openapi.json" --checks all \
  --max-time "${CONTRACT_SECONDS:-60}" --seed 1 --no-color >"$out" 2>"$err" ||
  fail "$(grep -A12 '^- ST' "$out" | cut -c1-300 | head -n 60)"
has 'Tested: '
grep -E 'generated' "$out" | tail -n 1
kill -0 "$server" || fail "the server is gone"
