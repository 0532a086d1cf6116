# Retraining: clusters keep the names that people know, who moved is told, a run that is stopped loses
# no trial, and Optuna reads them all (with a python that has it: OPTUNA_PYTHON, or python3).
. "$(dirname "$0")/lib.sh"
small_shop shop 8
python3 - <<'PY'
import re
text = open("shop/sartor.toml").read()
rfm = re.compile(r"\[\[segments\]\]\nname  = \"rfm\".*?(?=\[\[segments\]\])", re.S)
assert rfm.search(text) and "k        = [3, 8]" in text
text = rfm.sub("", text).replace("k        = [3, 8]", "k = [4]")  # clusters alone
open("shop/sartor.toml", "w").write(text)
PY
settings='--set tuning.trials=24 --set split.earlier=1 --set models.families=["popularity","own_history","item_knn"] --set gate.min_users=50 --set tuning.seasons=false'
cp -r shop old
sed -i "s/AND Quantity > 0/AND Quantity > 0 AND InvoiceDate < '2011-11-20'/" old/sartor.toml
cmp -s shop/sartor.toml old/sartor.toml && fail "the example's keep has changed"

# The log as it was in November; every trial is in the run's journal, and in the bundle.
# shellcheck disable=SC2086
run 0 sartor run old -q --json $settings
check "j['segmentation']['migration'] is None and j['segmentation']['version'] == 1"
check "[s['name'] for s in j['segments']] == ['tastes-1', 'tastes-2', 'tastes-3', 'tastes-4', 'everyone else']"
cp "$out" first.json
run_folder=old/runs/$(json "j['run']")
[ "$(grep -c '"op_code":4' "$run_folder/trials.journal")" -gt 40 ] || fail "too few trials"
same "$run_folder/trials.journal" old/bundles/current/evidence/trials.log

# Three weeks later, with one cluster more: names follow the users.
cp shop/sartor.toml old/sartor.toml
# shellcheck disable=SC2086
run 0 sartor run old -q --json $settings --set segments.0.k=5
cp "$out" second.json
python3 "$source_dir/tests/check_schema.py" "$source_dir/docs/run.schema.json" second.json --closed >"$err" || fail "the document is not of docs/run.schema.json: $(cat "$err")"
python3 - old/bundles >"$err" 2>&1 <<'PY' || fail "migration: $(cat "$err")"
import itertools, json
first, second = (json.loads(open(f).read().splitlines()[-1]) for f in ("first.json", "second.json"))
moved = second["segmentation"]["migration"]
names = [s["name"] for s in second["segments"]]
assert moved["bundle"] == first["bundle"].split("/")[-1] and moved["segmentation"] == "tastes"
assert second["segmentation"]["version"] == 2 and moved["version"] == 1
assert moved["before"] == [s["name"] for s in first["segments"]] and moved["after"] == names
assert sorted(names) == ["everyone else", *(f"tastes-{i}" for i in range(1, 6))], names
users = moved["users"]
known = sum(map(sum, users))
assert known > 300 and moved["users_new"] > 0 and moved["users_left"] == 0
for row, shares in zip(users, moved["shares"]):
    assert not sum(row) or abs(sum(shares) - 1) < 1e-9
# No other way of naming the clusters would keep more users where they are.
kept = sum(users[moved["before"].index(f"tastes-{i}")][names.index(f"tastes-{i}")] for i in range(1, 5))
best = max(sum(users[b][a] for b, a in enumerate(order)) for order in itertools.permutations(range(5), 4))
assert kept == best, (kept, best)
print(kept, known, moved["moved"])
PY
report=$(json "j['report']")
has "Who moved" "$report"
has_not "Who moved" old/bundles/current/report.html
check "j['segments'][0]['name'] in [s['name'] for s in j['segments']]"
run 0 sartor recommend old -k 3 --json
# The same again keeps names and version, and is done without a search.
# shellcheck disable=SC2086
run 0 sartor run old --json $settings --set segments.0.k=5 --rankings lists
has_not "tailoring" "$err"
check "j['segmentation']['version'] == 2 and j['segmentation']['migration'] is None"

# Stopped in the middle of a search: what was tried is told, and is not tried again.
settings="$settings --set tuning.sampler=tpe --set tuning.trials=1200"
cp -r shop whole
# shellcheck disable=SC2086
run 0 sartor run whole -q --json --threads 1 $settings
cp whole/bundles/current/evidence/trials.log whole.journal
# shellcheck disable=SC2086
"$SARTOR" run shop -q --json $settings --threads 2 >"$out" 2>"$err" &
pid=$!
for _ in $(seq 400); do
  [ "$(cat shop/cache/tune-tastes.*.trials 2>/dev/null | grep -c '"fold":-1')" -gt 20 ] && break
  sleep 0.05
done
kill -INT $pid
wait $pid && fail "it was not stopped"
stopped=$(cat shop/cache/tune-tastes.*.trials | wc -l)
[ "$stopped" -gt 100 ] || fail "it was stopped before it tried anything"
grep -q '"segment":"tastes-' shop/runs/*/trials.journal || fail "the trials under way are not told"
cp -r shop continued
# shellcheck disable=SC2086
run 0 sartor run continued -q --json --threads 2 $settings
same whole.journal continued/bundles/current/evidence/trials.log
ls continued/cache/*.trials >"$err" 2>&1 && fail "the log of the search is still there"

python=${OPTUNA_PYTHON:-python3}
"$python" -c 'import optuna' 2>/dev/null || { printf 'without Optuna: the journal was not read by it\n'; exit 0; }
run 0 "$python" "$source_dir/bench/read_trials.py" "$run_folder/trials.journal"
has "tastes/tastes-1: "
run 0 "$python" "$source_dir/bench/read_trials.py" "$(dirname "$(ls shop/runs/*/trials.journal)")/trials.journal"
