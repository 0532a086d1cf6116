# cases = "next": every event is predicted as of its own moment, and a user's value is the mean over the user's events.
. "$(dirname "$0")/lib.sh"
for name in one two; do small_shop $name 8; done
quick="--set split.cases=next --set tuning.trials=24 --set tuning.strengths=[1] --set models.trees.rounds=20 --set gate.min_users=30
       --set models.ease_regularization=[300] --set split.earlier=1 --set evaluation.max_cases=600 --set models.rerank_cases=400"

run 0 sartor run one -q --json --threads 1 $quick --rankings trec
cp "$out" next.json
check "all(w['cases'] <= 600 and w['cases'] > 2 * w['users'] for w in j['split'].values())"
check "[w['code'] for w in j['warnings']].count('cases_thinned') == 3"
check "j['overall']['test']['users'] == j['split']['test']['users']"
check "sum(s['users'] for s in j['segments']) == j['split']['confirm']['users']"
check "0 < j['general']['metrics']['test']['ndcg@10'] < 1"
check "j['general']['metrics']['test']['recall@10'] == j['general']['metrics']['test']['hit@10']"
python3 "$source_dir/tests/check_schema.py" "$source_dir/docs/run.schema.json" next.json --closed >"$err" || fail "the document is not of docs/run.schema.json: $(cat "$err")"

# The reported means are those of the lists: over a user's events, then over users.
python3 - trec next.json <<'PY' || fail "hit@10 of the TREC files is not the one reported"
import collections, json, sys
target = {line.split(" ")[0]: line.split(" ")[2] for line in open(sys.argv[1] + "/test.qrels")}
hits = dict.fromkeys(target, 0)
for line in open(sys.argv[1] + "/test.general.run"):
    case, _, item, rank, *_ = line.split(" ")
    if int(rank) <= 10 and target[case] == item:
        hits[case] = 1
users = collections.defaultdict(list)
for case, hit in hits.items():
    users[case.rsplit("#", 1)[0]].append(hit)
mean = sum(sum(v) / len(v) for v in users.values()) / len(users)
reported = json.load(open(sys.argv[2]))["general"]["metrics"]["test"]["hit@10"]
sys.exit(abs(mean - reported) > 1e-9)
PY

run 0 sartor run two -q --threads 2 $quick
same one/bundles/current/ two/bundles/current/
run 0 sartor replay one/bundles/current
has "every decision is the same"
