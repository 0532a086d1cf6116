# What a user does is on disk and in the next list when the server answers, counted once, also after
# kill -9, and part of the next run.
. "$(dirname "$0")/lib.sh"
server=0
trap '[ "$server" = 0 ] || kill "$server" 2>/dev/null; rm -rf "$story"' EXIT
small_shop . 8
settings='--set tuning.trials=10 --set models.ease_regularization=[300] --set split.earlier=2'
# shellcheck disable=SC2086  # several flags
run 0 sartor run . -q --json $settings
read_events="j['data']['events'] + j['data']['removed']['rare_item']"
events=$(json "$read_events")

serve() {
  : > served.txt  # what the server before said is not to be read
  "$SARTOR" serve . --port 0 --set serve.holdback_least=0 --set serve.holdback_most=0 > served.txt 2>served.err &
  server=$!
  for _ in $(seq 100); do grep -q 'at http' served.txt && break; sleep 0.1; done
  url=$(grep -o 'http://[0-9.:]*' served.txt | head -n 1)
}
# ask STATUS PATH [BODY]: GET, or POST if there is a body; with $key, if set.
ask() { python3 - "$url$2" "$1" "${3-}" "${key-}" <<'PY'
import sys, urllib.request, urllib.error
url, status, body, key = sys.argv[1:]
headers = {"Content-Type": "application/json"}
if key:
    headers["Authorization"] = "Bearer " + key
try:
    answer = urllib.request.urlopen(urllib.request.Request(url, body.encode() or None, headers), timeout=10)
except urllib.error.HTTPError as error:
    answer = error
print(answer.read().decode())
assert str(answer.status) == status, f"{url}: {answer.status}, expected {status}"
PY
}

serve
run 0 ask 200 "/v1/users/12352"
history=$(json "j['history']")
run 0 ask 200 "/v1/recommendations?user=12352&k=1000"
before=$(json "j['items']")
item=$(json "next(i['item'] for i in j['items'] if not i['reason'].startswith('taken'))")
event="{\"event_id\": \"e1\", \"user\": \"12352\", \"item\": \"$item\", \"time\": \"2011-12-09T13:00:00Z\", \"type\": \"purchase\", \"value\": 5, \"group\": \"b1\", \"context\": {\"country\": \"United Kingdom\"}}"

# One is taken, one has no item, one is a repetition, one is of somebody and something never seen.
run 0 ask 200 /v1/events "{\"events\": [$event, {\"user\": \"12352\", \"type\": \"purchase\"}, $event, {\"event_id\": \"e2\", \"user\": \"somebody\", \"item\": \"something\", \"type\": \"click\", \"time\": \"2011-12-09T13:00:00Z\"}]}"
check "j == {'accepted': 2, 'duplicates': 1, 'rejected': [{'index': 1, 'field': 'item', 'detail': 'is missing'}]}"
run 0 ask 200 "/v1/recommendations?user=12352&k=1000"
after=$(json "j['items']")
[ "$before" != "$after" ] || fail "the list is as before"
check "[i['reason'] for i in j['items'] if i['item'] == '$item'] == ['taken before']"
run 0 sartor recommend . --user 12352 -k 1000 --json
[ "$(json "j['items']")" = "$after" ] || fail "server and recommend disagree"
run 0 ask 422 /v1/events '{"events": []}'
run 2 sartor serve . --port 0
has "another process" "$err"

kill -9 $server
wait $server 2>/dev/null
serve
run 0 ask 200 "/v1/recommendations?user=12352&k=1000"
[ "$(json "j['items']")" = "$after" ] || fail "the restart gives another list"
run 0 ask 200 /v1/events "{\"events\": [$event]}"
check "j['duplicates'] == 1"
run 0 ask 200 "/v1/users/12352"
check "j['history'] == $history + 1"
run 0 ask 200 "/v1/users/somebody"

# The next run reads them while the server goes on; what it published is not counted twice.
# shellcheck disable=SC2086
run 0 sartor run . -q --json $settings
check "$read_events == $events + 2"
kill -TERM $server
wait $server || fail "the server did not stop in peace"
serve
run 0 ask 200 "/v1/users/12352"
check "j['history'] == $history + 1"
kill -TERM $server
wait $server

# With keys, each route wants one of its scope; without, loopback only.
run 2 sartor serve . --host 0.0.0.0 --port 0
has "key" "$err"
run 2 sartor keys create . --scope ingets
has "did you mean 'ingest'" "$err"
run 0 sartor keys create . --scope ingest --name till --json
key=$(json "j['key']")
id=$(printf '%s' "$key" | cut -d_ -f2)
serve
run 0 ask 200 /v1/events "{\"events\": [$event]}"
run 0 ask 403 "/v1/recommendations?user=12352"
key= run 0 ask 401 /v1/events "{\"events\": [$event]}"
has "unauthorized"
run 0 sartor keys rotate "$id" . --json
new=$(json "j['key']")
sleep 1.2
run 0 ask 401 /v1/events "{\"events\": [$event]}"
key=$new
run 0 ask 200 /v1/events "{\"events\": [$event]}"
run 0 sartor keys list . --json
check "[k['active'] for k in j['keys']] == [False, True] and all(k['scopes'] == ['ingest'] for k in j['keys'])"
run 0 sartor keys revoke "$(printf '%s' "$new" | cut -d_ -f2)" .
sleep 1.2
run 0 ask 401 /v1/events "{\"events\": [$event]}"
grep -qF "$new" -r . --exclude=.out && fail "a key stands in a file of the workspace"
kill -TERM $server
wait $server || fail "the server did not stop in peace"
