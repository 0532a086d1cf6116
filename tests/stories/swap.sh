# Bundles take over while requests run: none fails, each list is that of the version it names, no
# event is lost, what is damaged is refused, and a rollback takes less than a second.
# SWAPS and THREADS make it longer (swap_long.sh).
. "$(dirname "$0")/lib.sh"
server=0
trap '[ "$server" = 0 ] || kill "$server" 2>/dev/null; rm -rf "$story"' EXIT
small_shop . 8
settings='--set tuning.trials=10 --set split.earlier=2 --set models.ease_regularization=[300]'
families() { printf -- '--set models.families=["popularity","own_history","%s"]' "$1"; }

# shellcheck disable=SC2086,SC2046  # several flags
run 0 sartor run . -q --json $settings $(families item_knn)
a=$(basename "$(json "j['bundle']")")
"$SARTOR" serve . --port 0 --set serve.holdback_least=0 --set serve.holdback_most=0 \
  --set serve.follow_stream=false >served.txt 2>served.err &
server=$!
export SERVER=$server
for _ in $(seq 100); do grep -qs 'at http' served.txt && break; sleep 0.1; done
url=$(grep -o 'http://[0-9.:]*' served.txt | head -n 1)

ask() { python3 -c 'import sys, urllib.request as r; print(r.urlopen(r.Request(sys.argv[2], method=sys.argv[1])).read().decode())' "$1" "$url$2"; }
# table FILE: the lists of some hundred users, one JSON document a line.
table() { run 0 sartor recommend . --users-file users.txt -k 10; cp "$out" "$1"; }
{ seq 12352 16 18280; echo nobody-knows-me; } >users.txt  # some are known
table a.jsonl

# A run publishes another bundle: the server takes it by itself.
# shellcheck disable=SC2086,SC2046
run 0 sartor run . -q --json $settings $(families ease)
b=$(basename "$(json "j['bundle']")")
[ "$a" != "$b" ] || fail "expected another bundle"
table b.jsonl
cmp -s a.jsonl b.jsonl && fail "both bundles give the same lists"
for _ in $(seq 50); do grep -q "serving $b instead of $a" served.err && break; sleep 0.1; done
has "serving $b instead of $a" served.err

python3 - "$url" "$a" "$b" "${SWAPS-24}" "${THREADS-3}" >"$out" 2>"$err" <<'PY' || fail "requests and swaps"
import glob, http.client, json, os, shutil, sys, threading, time
url, a, b, swaps, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
host = url.removeprefix("http://")
right = {v: {json.loads(l)["user"]: json.loads(l)["items"] for l in open(f)} for v, f in ((a, "a.jsonl"), (b, "b.jsonl"))}
users = sorted(right[a])
stop, faults, counts, posted = threading.Event(), [], {a: 0, b: 0}, [0]
lock = threading.Lock()

def ask(connection, method, path, body=None):
    connection.request(method, path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())

def requests(number):
    connection = http.client.HTTPConnection(host, timeout=20)
    n = number
    while not stop.is_set():
        user = users[n * 7 % len(users)]
        n += 1
        status, body = ask(connection, "GET", f"/v1/recommendations?user={user}&k=10")
        with lock:
            if status != 200 or body["items"] != right[body["model_version"]][user]:
                faults.append((user, status, body))
            else:
                counts[body["model_version"]] += 1

def events():
    connection = http.client.HTTPConnection(host, timeout=20)
    item = right[a][users[0]][0]["item"]
    while not stop.is_set():
        event = {"event_id": f"s{posted[0]}", "user": "somebody-new", "item": item, "type": "purchase",
                 "time": "2011-12-09T13:00:00Z"}
        status, body = ask(connection, "POST", "/v1/events", json.dumps({"events": [event]}))
        if status != 200 or body["accepted"] != 1:
            faults.append(("event", status, body))
        posted[0] += 1
        time.sleep(0.002)

def guarded(work, *arguments):
    try:
        work(*arguments)
    except Exception as error:
        faults.append(repr(error))

workers = [threading.Thread(target=guarded, args=(requests, t), daemon=True) for t in range(threads)]
workers.append(threading.Thread(target=guarded, args=(events,), daemon=True))
start = time.time()
for worker in workers:
    worker.start()
control = http.client.HTTPConnection(host, timeout=20)
rollbacks = []
serving = b
for swap in range(swaps):
    target = a if serving == b else b
    began = time.time()
    if swap % 2:
        status, body = ask(control, "POST", "/v1/models/rollback")
        rollbacks.append(time.time() - began)
    else:
        status, body = ask(control, "POST", f"/v1/models/{target}/promote")
    assert status == 200 and body["version"] == target, (status, body)
    assert ask(control, "GET", "/health/ready")[1]["model_version"] == target
    assert os.readlink("bundles/current") == target
    serving = target
refused = 0
other = a if serving == b else b
weights = min(glob.glob(f"bundles/{other}/models/*/weights.safetensors")).split("/", 2)[2]
for name in ("manifest.json", "routes.json", "segmentation.json", "users.safetensors", "items.safetensors",
             "features.safetensors", "models/general/model.json", weights):
    for how in ("cut", "flip", "remove"):
        shutil.rmtree("bundles/bad", ignore_errors=True)
        shutil.copytree("bundles/" + other, "bundles/bad")
        path = "bundles/bad/" + name
        if how == "remove":
            os.remove(path)
        else:
            data = bytearray(open(path, "rb").read())
            data[len(data) // 3] ^= 0x80
            open(path, "wb").write(data if how == "flip" else data[:len(data) // 2])
        status, body = ask(control, "POST", "/v1/models/bad/promote")
        assert status == 422 and body["type"] == "/problems/bundle-refused", (name, how, status, body)
        assert name == "manifest.json" or name in body["detail"], (name, how, body)
        refused += 1
states = {row["version"]: row for row in ask(control, "GET", "/v1/models")[1]["versions"]}
assert states[serving]["state"] == "serving" and states["bad"]["state"] == "refused" and states["bad"]["reason"], states
stop.set()
for worker in workers:
    worker.join()
seconds = time.time() - start
status, somebody = ask(control, "GET", "/v1/users/somebody-new")
assert not faults, (len(faults), faults[:3])
assert somebody["history"] == posted[0], (somebody["history"], posted[0])
memory = {l.split(":")[0]: l.split()[1] for l in open(f"/proc/{os.environ['SERVER']}/status") if l.startswith("Vm")}
print(json.dumps({"requests": counts, "per_second": sum(counts.values()) / seconds, "swaps": swaps, "refused": refused,
                  "events": posted[0], "rollback_slowest": max(rollbacks), "rss_kb": memory["VmRSS"], "peak_kb": memory["VmHWM"]}))
PY
cat "$out"
check "min(j['requests'].values()) > 50 and j['per_second'] > 50"
check "j['rollback_slowest'] < 1"
serving=$(readlink bundles/current)

# A damaged one behind the link: the old one serves on; rolling back leads the link away from it.
refusals() { # COUNT: waits until `worse` was refused so often
  for _ in $(seq 50); do [ "$(grep -c 'bundle worse is refused' served.err)" -ge "$1" ] && break; sleep 0.1; done
  [ "$(grep -c 'bundle worse is refused' served.err)" = "$1" ] || fail "expected refusal $1"
}
cp -r bundles/bad bundles/worse
ln -sfn worse bundles/current
refusals 1
kill -HUP $server
refusals 2
run 0 ask GET /health/ready
check "j['model_version'] == '$serving'"
run 0 ask POST /v1/models/rollback
[ "$(readlink bundles/current)" = "$serving" ] || fail "the link leads elsewhere"
kill -TERM $server
wait $server || fail "the server did not stop in peace"
