# Two servers on one PostgreSQL: a version, a key, an erasure and an event_id is the same for both;
# either may be killed, and the database may be gone or hang, without a lost or doubled event, and
# all heals by itself.
. "$(dirname "$0")/lib.sh"
command -v curl >/dev/null || skip "curl is missing"
database=/tmp/sartor-story-pg.$$
url=$(bash "$source_dir/tests/postgres.sh" start "$database" 2>"$err")
case $? in 0) ;; 77) skip "PostgreSQL is not installed" ;; *) fail "PostgreSQL does not start" ;; esac
pid_a=0 pid_b=0
clean_up() {
  for pid in $pid_a $pid_b; do [ "$pid" = 0 ] || kill -9 "$pid" 2>/dev/null; done
  bash "$source_dir/tests/postgres.sh" remove "$database"
  rm -rf "$story"
}
trap clean_up EXIT
pg() { bash "$source_dir/tests/postgres.sh" "$1" "$database" >/dev/null || fail "PostgreSQL: $1"; }

# One workspace is run, the other is a copy of it. The URL's password is in no output and no file.
small_shop a 16
printf '\n[state]\nurl = "%s"\n' "${url/sartor@/sartor:s3cret@}" >>a/sartor.toml
settings='--set tuning.trials=5 --set split.earlier=0 --set models.ease_regularization=[300]'
bundle() {
  # shellcheck disable=SC2086
  run 0 sartor run a -q --json $settings --set "models.families=[$1]"
  basename "$(json "j['bundle']")"
}
one=$(bundle '"popularity","item_knn","own_history"') || exit 1
two=$(bundle '"popularity","item_knn"') || exit 1
[ -e a/state.sqlite ] && fail "the state is not in the database"
cp -r a b
run 0 sartor keys create a --scope admin --json
key=$(json "j['key']")

# serve a|b, ask a|b STATUS METHOD PATH [BODY]
serve() {
  : >"$1.out"
  "$SARTOR" serve "$1" --port 0 >"$1.out" 2>>"$1.err" &
  eval "pid_$1=$!"
  for _ in $(seq 150); do grep -q 'at http' "$1.out" && break; sleep 0.1; done
  eval "url_$1=$(grep -o 'http://[0-9.:]*' "$1.out" | head -n 1)"
}
ask() {
  local server=url_$1 status
  status=$(curl -sS --max-time 15 -X "$3" -o body.json -w '%{http_code}' -H "Authorization: Bearer $key" \
    -H 'Content-Type: application/json' ${5+--data "$5"} "${!server}$4")
  cat body.json
  echo
  [ "$status" = "$2" ] || { echo "status $status"; return 1; }
}
# becomes EXPRESSION a|b PATH: within ten seconds
becomes() {
  for _ in $(seq 100); do
    ask "$2" 200 GET "$3" >"$out" 2>/dev/null && [ "$(json "$1")" = true ] && return
    sleep 0.1
  done
  fail "$2 $3: never $1"
}
event() { printf '{"events": [{"event_id": "%s", "user": "%s", "item": "22423", "type": "purchase", "value": 5}]}' "$1" "$2"; }
serve a
serve b

# Versions: a promotion by one is followed by the other, and so is a rollback by that one.
becomes "j['status'] == 'ready' and j['model_version'] == '$two'" b /health/ready
start=$(date +%s%N)
run 0 ask a 200 POST "/v1/models/$one/promote"
becomes "j['model_version'] == '$one'" b /health/ready
echo "from a promotion to the other server: $((($(date +%s%N) - start) / 1000000)) ms"
run 0 ask b 200 POST /v1/models/rollback
becomes "j['model_version'] == '$two'" a /health/ready
run 0 ask b 200 GET /v1/runs
check "len(j['runs']) == 2"

# Keys: made in one workspace, obeyed and revoked everywhere.
run 0 sartor keys create b --scope recommend --name shop --json
shop=$(json "j['key']")
admin=$key
key=$shop
for _ in $(seq 40); do ask a 200 GET '/v1/recommendations?k=3' >"$out" && break; sleep 0.1; done
check "len(j['items']) == 3"
run 0 sartor keys revoke "$(echo "$shop" | cut -d_ -f2)" --workspace a
for _ in $(seq 40); do ask b 401 GET '/v1/recommendations?k=3' >"$out" && break; sleep 0.1; done
has 'has ended'
key=$admin

# Events: an id counts once, wherever it is sent; both servers know all of them.
run 0 ask a 200 POST /v1/events "$(event e1 someone)"
check "j['accepted'] == 1"
run 0 ask b 200 POST /v1/events "$(event e1 someone)"
check "j['duplicates'] == 1"
becomes "j['history'] == 1" b /v1/users/someone

# Erased by one, gone from both.
run 0 ask b 200 DELETE /v1/users/someone
for _ in $(seq 40); do ask a 404 GET /v1/users/someone >"$out" && break; sleep 0.1; done
check "j['status'] == 404"

# Clients that send the same ids to both and repeat what was not acknowledged, while b is killed and
# comes back, and the database is stopped, started, hangs and goes on.
cat >clients.py <<'PY'
import http.client, json, sys, threading, time
key, ids, servers = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
accepted, refused, slow = [0], [0], [0.0]
lock = threading.Lock()
def client(number):
    connection = None
    for i in range(ids):
        body = json.dumps({"events": [{"event_id": f"c{i}", "user": "crowd", "item": "22423", "type": "purchase",
                                       "value": 5, "time": "2011-12-09T13:00:00Z"}]})
        while True:
            with open(servers[(i + number) % 2]) as file:
                host = file.read().strip()
            try:
                connection = http.client.HTTPConnection(host, timeout=20)
                start = time.monotonic()
                connection.request("POST", "/v1/events", body,
                                   {"Content-Type": "application/json", "Authorization": "Bearer " + key})
                answer = connection.getresponse()
                told = json.loads(answer.read())
                with lock:
                    slow[0] = max(slow[0], time.monotonic() - start)
                if answer.status == 200:
                    with lock:
                        accepted[0] += told["accepted"]
                    break
                assert answer.status == 503 and answer.getheader("Retry-After"), (answer.status, told)
                with lock:
                    refused[0] += 1
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.1)
        time.sleep(0.02)
workers = [threading.Thread(target=client, args=(n,)) for n in range(4)]
for worker in workers: worker.start()
for worker in workers: worker.join()
print(json.dumps({"accepted": accepted[0], "refused": refused[0], "slowest": slow[0]}))
PY
where() { local server=url_$1; echo "${!server#http://}" >"$1.host"; }
where a
where b
ids=150
python3 clients.py "$key" $ids a.host b.host >clients.json 2>clients.err &
clients=$!
sleep 1
kill -9 $pid_b
wait $pid_b 2>/dev/null
run 0 ask a 200 GET '/v1/recommendations?k=5'
serve b
where b
sleep 0.5
pg stop
becomes "j['status'] == 'degraded' and 'shared state' in j['reasons'][0]" a /health/ready
for server in a b; do
  run 0 ask $server 200 GET '/v1/recommendations?k=5'
  check "len(j['items']) == 5"
  run 0 ask $server 503 POST /v1/events "$(event lost someone)"
done
run 0 ask a 200 POST "/v1/models/$one/promote"
pg start
becomes "j['status'] == 'ready' and j['model_version'] == '$one'" b /health/ready
becomes "j['status'] == 'ready'" a /health/ready

# A database that hangs: lists do not wait for it, events are given up.
postmaster=$(head -n 1 "$database/data/postmaster.pid")
processes="$postmaster $(pgrep -P "$postmaster" | tr '\n' ' ')"
# shellcheck disable=SC2086
kill -STOP $processes
for _ in 1 2 3 4 5; do
  run 0 curl -sS --max-time 2 -o body.json -H "Authorization: Bearer $key" "$url_b/v1/recommendations?k=5"
done
run 0 ask b 503 POST /v1/events "$(event lost someone)"
becomes "j['status'] == 'degraded'" b /health/ready
# shellcheck disable=SC2086
kill -CONT $processes
becomes "j['status'] == 'ready'" b /health/ready
wait $clients || fail "clients: $(cat clients.err)"
cat clients.json
check "j['accepted'] == $ids and j['refused'] > 0 and j['slowest'] < 15" clients.json
for server in a b; do
  becomes "j['history'] == $ids" $server /v1/users/crowd
  run 0 ask $server 200 GET /v1/users/crowd/export
  check "len(set(e['event_id'] for e in j['events'])) == len(j['events']) == $ids"
done
grep -qF 'going on without the shared state' a.err || fail "a did not tell"
grep -qF 'the shared state is there again' a.err || fail "a did not tell that it is back"

# Peace, and not a trace of the password.
for server in a b; do
  pid=pid_$server
  kill -TERM "${!pid}"
  wait "${!pid}" || fail "$server did not stop in peace"
done
pid_a=0 pid_b=0
if grep -rlF s3cret . --exclude=sartor.toml >"$out"; then fail "the password is in $(cat "$out")"; fi
