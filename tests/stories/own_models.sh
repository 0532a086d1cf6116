# A group that goes on another way than everybody else: after the same first book it takes the other sequel. Models
# fitted to it alone are found, proved, served and replayed; limits and budgets by the clock hold.
. "$(dirname "$0")/lib.sh"
python3 - <<'PY'
import random
# Forty books with two sequels each: most take the first sequel some 20 days later, the group "b" the second.
random.seed(3)
events, users = [], []
for u in range(2000):
    kind = "b" if u % 4 == 0 else "a"
    users.append(f"u{u},{kind}")
    for book in random.sample(range(40), 12):
        day = random.random() * 130
        events.append((day, f"u{u}", f"{book}-first"))
        sequel = "two" if (kind == "b") == (random.random() < 0.85) else "one"
        events.append((day + 5 + random.random() * 30, f"u{u}", f"{book}-{sequel}"))
events = sorted(e for e in events if e[0] < 130)
open("events.csv", "w").write("day,user,item\n" + "".join(f"{d:.3f},{u},{i}\n" for d, u, i in events))
open("users.csv", "w").write("user,kind\n" + "\n".join(users) + "\n")
PY
cat > sartor.toml <<'TOML'
name = "sequels"

[[events]]
files = ["events.csv"]
user = "user"
item = "item"
time = "TIMESTAMP '2022-01-01' + to_seconds(CAST(day * 86400 AS BIGINT))"

[[users]]
files = ["users.csv"]
user = "user"

[data]
now = "2022-12-01"

[split]
validate_from = 2022-03-22
confirm_from = 2022-04-06
test_from = 2022-04-21
earlier = 1

[models]
families = ["popularity", "item_knn", "ease", "als"]
ease_regularization = [300]

[[segments]]
name = "kinds"
rules = [ { name = "second readers", where = "kind = 'b'" } ]

[tuning]
trials = 24
TOML
mkdir one && mv events.csv users.csv sartor.toml one && cp -r one two
only="tuning.limits.second readers.adaptations"

run 0 sartor run one -q --json --threads 1 --set "$only=[\"separate\"]"
check "{s['name']: s['adaptation'] for s in j['segments']}['second readers'] == 'separate'"
check "[s['decision'] for s in j['segments'] if s['name'] == 'second readers'] == ['adapted']"
check "[s['test']['difference'] for s in j['segments'] if s['name'] == 'second readers'][0] > 0.1 * j['general']['metrics']['test']['ndcg@10']"
grep -q "model of its own" one/runs/*/report.html || fail "the report does not tell of it"
run 0 sartor replay one/bundles/current
has "every decision is the same"
run 0 sartor recommend one --user u0 -k 5 --json
check "j['route'].startswith('separate/') and j['segment'] == 'second readers' and j['items'][0]['item'].endswith('-two')"
run 0 sartor recommend one --user u1 -k 5 --json
check "j['segment'] == 'everyone else' and j['items'][0]['item'].endswith('-one')"

# Equal bytes at any thread count.
run 0 sartor run two -q --threads 2 --set "$only=[\"separate\"]"
same one/bundles/current/ two/bundles/current/

# Any adaptation: the pulled models and those of its own are both far ahead of other weights over general's.
run 0 sartor run two -q --json
check "[s['adaptation'] for s in j['segments'] if s['name'] == 'second readers'][0] in ('fine_tuned', 'separate')"

# Limits.
run 0 sartor run two -q --json --set 'tuning.limits.second readers.megabytes=0.01'
check "[s['adaptation'] for s in j['segments'] if s['name'] == 'second readers'][0] not in ('fine_tuned', 'separate')"
check "any(w['code'] == 'candidate_left_out' and w['segment'] == 'second readers' and 'its limit is 0.01 MB' in w['detail'] for w in j['warnings'])"
run 0 sartor run two -q --json --set 'tuning.limits.second readers.rows=1'
check "[s['adaptation'] for s in j['segments'] if s['name'] == 'second readers'][0] not in ('fine_tuned', 'separate')"
run 2 sartor run two -q --set 'tuning.limits.second readers.rows=-1'
has "rows: -1 is out of range" "$err"
run 2 sartor run two -q --set 'tuning.limits.second readers.megabytes=-2'
has "megabytes: -2 is out of range" "$err"
run 2 sartor run two -q --set 'tuning.limits.second readers.adaptations=["seperate"]'
has "did you mean 'separate'" "$err"
run 2 sartor run two -q --set tuning.minutes=-1
has "tuning.minutes: -1 is out of range" "$err"

# By the clock, stopped in between: the trials that were made are not made again.
"$SARTOR" run two -q --threads 2 --set tuning.minutes=0.1 --set tuning.sampler=random >/dev/null 2>&1 &
pid=$!
for i in $(seq 100); do
  [ "$(cat two/cache/tune-general*.trials 2>/dev/null | wc -l)" -gt 20 ] && break
  sleep 0.1
done
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
kept=$(ls two/cache/tune-general*.trials 2>/dev/null) || fail "the run ended before it could be stopped"
python3 - "$kept" > before.txt <<'PY'
import json, sys
lines = []
for line in open(sys.argv[1]):
    try: lines.append(json.loads(line))
    except ValueError: break
for line in lines:
    if line["study"]["fold"] == -1: print(line["study"]["adaptation"], repr(line["trial"]["value"]))
PY
[ -s before.txt ] || fail "no trial was logged"
run 0 sartor run two -q --json --threads 2 --set tuning.minutes=0.1 --set tuning.sampler=random
python3 - before.txt two/runs/"$(json "j['run']" | tr -d '"')"/trials.journal <<'PY' || fail "the run did not go on behind its last trial"
import json, sys
made = {}
for line in open(sys.argv[1]):
    name, value = line.split()
    made.setdefault(name, []).append(float(value))
told = {}
for line in open(sys.argv[2]):
    entry = json.loads(line)
    if entry["op_code"] == 4:
        told.setdefault(entry["user_attrs"]["adaptation"], []).append(entry["value"])
assert made
for name, values in made.items():
    assert told[name][:len(values)] == values, (name, values[:3], told[name][:3])
PY
