# A list as the shop wants it (filters, pins, boosts, seen, diversity, reasons), and what a user may
# ask of the shop: to see what is kept about them, and to have it erased, which survives kill -9, a
# new run and a rollback.
. "$(dirname "$0")/lib.sh"
command -v curl >/dev/null || skip "curl is missing"
server=0
trap '[ "$server" = 0 ] || kill "$server" 2>/dev/null; rm -rf "$story"' EXIT
small_shop . 8
sed -i 's/^text  = "Description"/&\ncategory = "left(StockCode, 2)"\nprice = "UnitPrice"/' sartor.toml
settings='--set tuning.trials=6 --set split.earlier=0 --set models.families=["popularity","own_history","item_knn"]'
# shellcheck disable=SC2086  # several flags
run 0 sartor run . -q --json $settings
first=$(basename "$(json "j['bundle']")")
total="j['data']['events'] + j['data']['removed'].get('rare_item', 0) + j['data']['removed'].get('erased_user', 0)"
events=$(json "$total")

serve() {
  : > served.txt
  "$SARTOR" serve . --port 0 --set serve.holdback_least=0 --set serve.holdback_most=0 > served.txt 2>served.err &
  server=$!
  for _ in $(seq 100); do grep -q 'at http' served.txt && break; sleep 0.1; done
  url=$(grep -o 'http://[0-9.:]*' served.txt | head -n 1)
}
# ask STATUS METHOD PATH [BODY]
ask() {
  local status=$1
  [ "$(curl -sS --max-time 10 -X "$2" -o body.json -w '%{http_code}' -H 'Content-Type: application/json' \
    ${4+--data "$4"} "$url$3")" = "$status" ] || { cat body.json; return 1; }
  cat body.json; echo
}
list() { run 0 ask 200 POST /v1/recommendations "$1"; }
serve

# 12352 is known; 85 and 22 are families of stock codes.
list '{"user": "12352", "k": 8, "filter": {"category": ["22", "85"], "price": {"min": 1, "max": 3}}, "reasons": true}'
check "len(j['items']) == 8 and all(i['item'][:2] in ('22', '85') for i in j['items'])"
check "all(i['reasons'][0]['kind'] in ('taken_again', 'follows', 'popular', 'other') for i in j['items'])"
cheap=$(json "j['items']")
list '{"user": "12352", "k": 8, "filter": {"category": ["22", "85"], "price": {"min": 1, "max": 3}, "not": {"category": "22"}}}'
check "len(j['items']) == 8 and all(i['item'][:2] == '85' for i in j['items'])"
best=$(json "j['items'][0]['item']")
last=$(json "j['items'][-1]['item']")
list "{\"user\": \"12352\", \"k\": 3, \"filter\": {\"category\": \"85\"}, \"exclude\": [\"$best\"], \"pins\": [{\"item\": \"$last\", \"position\": 2}]}"
check "j['items'][1]['item'] == '$last' and '$best' not in [i['item'] for i in j['items']]"
list "{\"user\": \"12352\", \"k\": 1, \"boosts\": [{\"where\": {\"item\": \"$last\"}, \"add\": 100}], \"reasons\": true}"
check "j['items'][0]['item'] == '$last' and j['items'][0]['reasons'][0]['kind'] == 'boosted'"
list '{"user": "12352", "k": 6, "diversity": {"by": "category", "most": 1}}'
check "len(set(i['item'][:2] for i in j['items'])) == 6"
list '{"user": "12352", "k": 50, "seen": "exclude"}'
check "not any(i['reason'].startswith('taken') for i in j['items'])"
run 0 ask 422 POST /v1/recommendations '{"filter": {"categry": "22"}}'
check "j['errors'] == [{'pointer': '/filter/categry', 'detail': \"items have no such attribute (did you mean 'category'?)\"}]"
run 0 ask 200 GET "/v1/recommendations?user=12352&k=4&filter.category=85&pins=$last"
check "j['items'][0]['item'] == '$last'"

# The same bytes, in fewer.
curl -sS "$url/openapi.json" > plain.json
curl -sS -H 'Accept-Encoding: gzip' -D head.txt "$url/openapi.json" > zipped.json.gz
has 'Content-Encoding: gzip' head.txt
has 'Vary: Accept-Encoding' head.txt
gzip -dc zipped.json.gz | cmp -s - plain.json || fail "gzip gives other bytes"
[ "$(wc -c < zipped.json.gz)" -lt $(($(wc -c < plain.json) / 3)) ] || fail "gzip gains nothing"

# What is kept about 12352.
run 0 ask 200 POST /v1/events '{"events": [{"event_id": "e1", "user": "12352", "item": "22423", "type": "purchase", "time": "2011-12-09T13:00:00Z", "value": 5, "group": "b1"}]}'
run 0 ask 200 GET /v1/users/12352/export
check "j['profile']['history'] > 1 and len(j['events']) == 1 and len(j['exposures']) == 7"
run 0 ask 200 GET "/v1/recommendations?user=nobody-at-all&k=20"
stranger=$(json "[i['item'] for i in j['items']]")

# Erased: a stranger from the answer on, after kill -9 too; nothing in a file of the logs.
run 0 ask 200 DELETE /v1/users/12352
gone() {
  run 0 ask 404 GET /v1/users/12352
  run 0 ask 200 GET "/v1/recommendations?user=12352&k=20"
  [ "$(json "[i['item'] for i in j['items']]")" = "$stranger" ] || fail "12352 is no stranger"
}
gone
kill -9 $server
wait $server 2>/dev/null
serve
gone
run 0 sartor recommend . --user 12352 -k 20 --json
[ "$(json "[i['item'] for i in j['items']]")" = "$stranger" ] || fail "recommend knows 12352"
grep -qF 12352 erased.json && fail "the list of the erased names somebody"
run 0 sartor replay . --json
check "j['erased_users'] == 1 and j['differences'] == []"

# Who comes back is new, in the next run as well; a rollback brings nobody back.
run 0 ask 200 POST /v1/events '{"events": [{"event_id": "e2", "user": "12352", "item": "22423", "type": "purchase", "time": "2011-12-09T14:00:00Z", "value": 5, "group": "b2"}]}'
run 0 ask 200 GET /v1/users/12352
check "j['history'] == 1"
# shellcheck disable=SC2086
run 0 sartor run . -q --json $settings
check "j['data']['removed']['erased_user'] > 1 and $total == $events + 1"
for _ in $(seq 50); do grep -q "instead of $first" served.err && break; sleep 0.1; done
run 0 ask 200 GET /v1/users/12352
check "j['history'] == 1"
run 0 sartor replay . --json
check "j['erased_users'] == 0"
run 0 ask 200 DELETE /v1/users/12352
gone_now() { run 0 ask 404 GET /v1/users/12352; }
gone_now
run 0 ask 200 POST /v1/models/rollback
check "j['version'] == '$first'"
gone_now
for _ in $(seq 50); do [ "$(cat events/scrubbed 2>/dev/null)" = 2 ] && break; sleep 0.1; done
[ "$(cat events/scrubbed)" = 2 ] || fail "the log was not written anew"
kill -TERM $server
wait $server || fail "the server did not stop in peace"

# Both are an admin's.
run 0 sartor keys create . --scope recommend --name shop --json
key=$(json "j['key']")
serve
run 0 curl -sS -o body.json -w '%{http_code}\n' -X DELETE -H "Authorization: Bearer $key" "$url/v1/users/12352"
has 403
run 0 curl -sS -o body.json -w '%{http_code}\n' -H "Authorization: Bearer $key" "$url/v1/users/12352/export"
has 403
kill -TERM $server
wait $server
