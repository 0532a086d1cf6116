# A server that finds the published bundle damaged serves the one before and says so, over TLS with
# a certificate that changes while it runs; it stops only if no bundle is any good.
. "$(dirname "$0")/lib.sh"
command -v openssl >/dev/null && command -v curl >/dev/null || skip "openssl or curl is missing"
server=0
trap '[ "$server" = 0 ] || kill "$server" 2>/dev/null; rm -rf "$story"' EXIT
small_shop . 16
settings='--set tuning.trials=5 --set split.earlier=0 --set models.ease_regularization=[300]'
bundle() {
  # shellcheck disable=SC2086
  run 0 sartor run . -q --json $settings --set "models.families=[\"popularity\",\"$1\"]"
  basename "$(json "j['bundle']")"
}
certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
    -addext 'subjectAltName=IP:127.0.0.1' -keyout key.pem -out "$1.pem" 2>"$err" || fail "openssl"
  cp "$1.pem" certificate.pem
}
ask() { curl -sS --max-time 20 --cacert "$1.pem" "${@:3}" "$url$2" >"$out" 2>"$err"; }

a=$(bundle own_history) || exit 1
b=$(bundle item_knn) || exit 1
[ "$a" != "$b" ] || fail "expected another bundle"
printf 'cut' >"bundles/$b/report.html"
certificate first
run 2 sartor serve . --port 0 --set serve.tls_key=key.pem
has 'expected both, or neither' "$err"
"$SARTOR" serve . --port 0 --set serve.tls_certificate=certificate.pem \
  --set serve.tls_key=key.pem >served.txt 2>served.err &
server=$!
for _ in $(seq 100); do grep -qs 'at https' served.txt && break; sleep 0.1; done
url=$(grep -o 'https://[0-9.:]*' served.txt | head -n 1)

# The damaged one is passed over, and everybody who asks hears of it.
has "warning: bundle $b is refused, $a serves" served.err
has "$a" served.txt
ask first '/v1/recommendations?user=12352&k=5' || fail "no answer over TLS"
check "j['model_version'] == '$a' and len(j['items']) == 5"
last=$(json "j['items'][4]['item']")
run 0 sartor recommend . --json --request "{\"user\": \"12352\", \"k\": 3, \"pins\": [\"$last\"]}"
check "j['model_version'] == '$a' and j['items'][0]['item'] == '$last' and len(j['items']) == 3"
has "warning: bundle $b is refused, $a answers" "$err"
run 2 sartor recommend . --request '{"user": "12352", "filtre": {}, "k": 0}'
has '/filtre: ' "$err"
has '/k: ' "$err"
ask first /health/ready
check "j['status'] == 'ready' and j['model_version'] == '$a' and j['refused']['version'] == '$b'"
check "'report.html' in j['refused']['reason']"
ask first /v1/models
check "{v['version']: v['state'] for v in j['versions']} == {'$a': 'serving', '$b': 'refused'}"
ask first /metrics
has 'sartor_bundle_passed_over 1'
has 'sartor_bundle_swaps_total{outcome="refused"} 1'
python3 "$source_dir/tools/check_ops.py" --metrics "$out" >told.txt || fail "$(cat told.txt)"
[ "$(readlink bundles/current)" = "$b" ] || fail "the link is not the server's to change"
ask first /v1/models/rollback -X POST || fail "rollback"
ask first /health/ready
check "'refused' not in j"
[ "$(readlink bundles/current)" = "$a" ] || fail "a rollback leads the link to what serves"

# An event is in the same user's next list: over TLS, the disk included, usually within 50 ms.
python3 - "$url" first.pem >"$out" 2>"$err" <<'PY' || fail "from an event to the next list"
import http.client, json, ssl, sys, time
host = sys.argv[1].removeprefix("https://")
connection = http.client.HTTPSConnection(host, timeout=20, context=ssl.create_default_context(cafile=sys.argv[2]))
def ask(method, path, body=None):
    connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told = json.loads(answer.read())
    assert answer.status == 200, told
    return told
items = [i["item"] for i in ask("GET", "/v1/recommendations?k=20")["items"]]
took = []
for n, item in enumerate(items):
    path = f"/v1/recommendations?user=fresh-{n}&k=10"
    before = ask("GET", path)["items"]
    start = time.monotonic()
    ask("POST", "/v1/events", {"events": [{"user": f"fresh-{n}", "item": item, "type": "purchase", "value": 5}]})
    after = ask("GET", path)["items"]
    took.append(1000 * (time.monotonic() - start))
    assert after != before, (item, before)
took.sort()
print(f"from an event to the next list: median {took[10]:.1f} ms, best {took[0]:.1f} ms")
assert took[0] < 50, took
PY
cat "$out"

# TLS 1.2 or later, a certificate that is checked, and plain HTTP that is not answered.
ask first /health/live --tls-max 1.1 && fail "TLS 1.1 was spoken"
ask first /health/live --tlsv1.2 --tls-max 1.2 || fail "TLS 1.2"
certificate second
ask second /health/live && fail "the server cannot have this certificate yet"
kill -HUP $server
for _ in $(seq 100); do grep -q 'read anew' served.err && break; sleep 0.1; done
ask second /health/live || fail "the new certificate is not there"
curl -s --max-time 5 "http://${url#https://}/health/live" >"$out" 2>"$err" && fail "plain HTTP was answered"
kill -TERM $server
wait $server || fail "the server did not stop in peace"
server=0

# Nothing that is any good: exit code 3.
printf 'cut' >"bundles/$a/report.html"
run 3 sartor serve . --port 0
has 'report.html' "$err"
rm -rf bundles
run 1 sartor serve . --port 0
