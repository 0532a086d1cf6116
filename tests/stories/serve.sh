# The server gives the list that `recommend` gives, and answers errors as problem documents.
. "$(dirname "$0")/lib.sh"
small_shop .
run 0 sartor run . -q --set tuning.trials=20 --set models.ease_regularization=[300] --set split.earlier=2
run 2 sartor serve . --host 0.0.0.0 --port 0
has "key" "$err"

# Nobody is held back, so that both give the same lists on every day.
"$SARTOR" serve . --port 0 --set serve.holdback_least=0 --set serve.holdback_most=0 > served.txt 2>&1 &
server=$!
for _ in $(seq 100); do grep -q 'at http' served.txt && break; sleep 0.1; done
url=$(grep -o 'http://[0-9.:]*' served.txt | head -n 1)
get() { python3 - "$url$1" "$2" <<'PY'
import sys, urllib.request, urllib.error
try:
    answer = urllib.request.urlopen(sys.argv[1], timeout=10)
except urllib.error.HTTPError as error:
    answer = error
assert str(answer.status) == sys.argv[2], f"{sys.argv[1]}: {answer.status}, expected {sys.argv[2]}"
body = answer.read().decode()
try:
    import json
    print(json.dumps(json.loads(body)))
except ValueError:
    print(body)
PY
}
run 0 get "/v1/recommendations?user=14096&k=10" 200
check "bool(j['exposure']) and j['user'] == '14096'"
items=$(json "j['items']")
run 0 sartor recommend . --user 14096 -k 10 --json
[ "$(json "j['items']")" = "$items" ] || fail "server and recommend disagree"
run 0 get "/v1/recommendations?k=10&user=a-stranger" 200
run 0 get "/v1/similar-items?item=85123A&k=5" 200
check "len(j['items']) == 5"
run 0 get "/health/ready" 200
run 0 get "/metrics" 200
has "# TYPE"
has "sartor_exposures_total"
run 0 get "/v1/segments" 200
check "any(s['breaker'] for s in j['segments']) == any(s['route'] != 'general' for s in j['segments'])"
run 0 get "/v1/alerts" 200
check "j['alerts'] == []"
run 0 get "/openapi.json" 200
check "'/v1/recommendations' in j['paths']"
run 0 get "/v1/recommendations?k=0" 422
check "j['status'] == 422 and bool(j['type'])"
run 0 get "/v1/nothing" 404
# The examples and the client, against the same server.
run 0 bash "$source_dir/examples/curl.sh" "$url" 12352 85123A
has '"duplicates":0'
has '"segment":'
has '# TYPE'
run 0 python3 "$source_dir/clients/python/test_client.py" "$url" 14096 85123A
kill -TERM $server
wait $server || fail "the server did not stop in peace"
[ -s breakers.json ] || fail "the state of the breakers was not kept"
ls exposures/*.log > "$out" || fail "exposures were not logged"
