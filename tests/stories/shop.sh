# The shop's whole way: invoices to a proved recommendation, and what a user does next.
. "$(dirname "$0")/lib.sh"
cp "$(example online-retail)"/* .

run 0 sartor run . --json -q --threads 2
check "j['general']['metrics']['test']['ndcg@10'] >= 0.330"
check "j['split']['test']['users'] == 1782"
check "j['general']['metrics']['test']['ndcg@10'] > max(c['test']['ndcg@10'] for n, c in j['general']['components'].items() if n != 'rerank')"
check "all(c['lead']['low'] > 0 and abs(c['lead']['difference'] - j['general']['metrics']['test']['ndcg@10'] + c['test']['ndcg@10']) < 1e-9 for n, c in j['general']['components'].items() if n != 'rerank')"
check "{(s['segmentation'], s['name']): s['users'] for s in j['general']['by_segment']}[('rfm', 'loyal')] > 300"
check "all(sum(s['users'] for s in j['general']['by_segment'] if s['segmentation'] == name) == 1782 for name in ('rfm', 'tastes'))"
check "abs(sum(s['users'] * s['components']['ease']['lead']['difference'] for s in j['general']['by_segment'] if s['segmentation'] == 'rfm') / 1782 - j['general']['components']['ease']['lead']['difference']) < 1e-9"
check "j['data']['removed'].get('duplicate', 0) > 5000"
check "all(s['reason'] in ('proved', 'not_proved', 'guard_failed', 'too_few_users', 'too_few_differences', 'identical', 'not_better_on_validate') for s in j['segments'])"
check "all((s['decision'] == 'adapted') == (s['reason'] == 'proved') for s in j['segments'])"
check "j['negative_control']['segments'] >= 2"
check "j['looks'] == 1"
check "j['peak_rss_mb'] < 1000"
bundle=$(json "j['bundle']")
cp "$out" first.json
schema="$source_dir/docs/run.schema.json"
python3 "$source_dir/tests/check_schema.py" "$schema" first.json --closed >"$err" || fail "the document is not of docs/run.schema.json: $(cat "$err")"
sed 's/"looks":1/"looks":"one"/; s/"overall":/"all":/' first.json > wrong.json
python3 "$source_dir/tests/check_schema.py" "$schema" wrong.json --closed >"$err" && fail "the schema lets anything through"

# Nothing changed: nothing is done again, and the program says so.
run 0 sartor run . --json
has "nothing changed" "$err"
check "j['seconds'] < 2"
run 99 sartor step tune .

# A changed gate refits nothing, and is a second look at confirm.
run 0 sartor run . --json --set gate.min_gain=0.01
has_not "tuning" "$err"
has_not "judging" "$err"
check "j['looks'] == 2"

# Anybody can decide again.
run 0 sartor replay "$bundle"
has "every decision is the same"
cp -rL "$bundle" forged
python3 - forged/evidence/decisions.jsonl <<'PY'
import re, sys
text = open(sys.argv[1]).read()
open(sys.argv[1], "w").write(text.replace("not_proved", "proved", 1).replace("guard_failed", "proved", 1).replace("too_few_differences", "proved", 1))
PY
run 3 sartor replay forged
has "decisions.jsonl" "$err"

# The gate tried on the bundle's users: with so few replicates it may miss the bar by chance.
run 3 sartor bench proof --input forged
run 2 sartor bench proof --input "$bundle" --set replicates=1
for threads in 1 2; do
  sartor bench proof --input "$bundle" --set replicates=30 --set most_users=1000 --json -q --threads $threads >"$out" 2>"$err"
  check "j['name'] == 'proof' and len(j['data']) == 1 and len(j['data'][0]['worlds']) >= 7"
  check "j['passed'] == all(w['rate'] <= w['bar'] for w in j['data'][0]['worlds'])"
  check "[d['to'] for d in j['data'][0]['drift']] == ['confirm, second half', 'test', 'confirm']"
  json "j['data']" >proof.$threads
done
same proof.1 proof.2

# Lists for a user, for many, for a stranger, and for a stranger with a history.
run 0 sartor recommend . --user 17850 -k 10 --json
check "len(j['items']) == 10 and j['user'] == '17850' and all(j[k] for k in ('segment', 'route', 'model_version'))"
printf '17850\n13047\nnobody-knows-me\n' > users.txt
run 0 sartor recommend . --users-file users.txt -k 3
check "j['user'] == 'nobody-knows-me' and len(j['items']) == 3"
[ "$(wc -l < "$out")" = 3 ] || fail "expected three lines"
run 0 sartor recommend . -k 3 --json
check "len(j['items']) == 3"
run 0 sartor recommend . --history 85123A,22423 -k 3 --json
check "len(j['items']) == 3"

# TREC files agree with the metric.
run 0 sartor run . --json -q --rankings trec
for file in validate.general.run confirm.served.run test.general.run test.qrels; do [ -s "trec/$file" ] || fail "trec/$file is missing"; done
python3 - trec first.json <<'PY' || fail "ndcg@10 of the TREC files is not the one reported"
import json, math, sys
qrels = {}
for line in open(sys.argv[1] + "/test.qrels"):
    q, _, item, rel = line.split(" ")
    qrels.setdefault(q, set()).add(item)
ranks = {}
for line in open(sys.argv[1] + "/test.general.run"):
    q, _, item, rank, score, tag = line.split(" ")
    assert int(score) == 20 - int(rank)
    ranks.setdefault(q, []).append(item)
total = 0
for q, targets in qrels.items():
    gain = sum(1 / math.log2(r + 2) for r, item in enumerate(ranks[q][:10]) if item in targets)
    total += gain / sum(1 / math.log2(r + 2) for r in range(min(10, len(targets))))
reported = json.loads(open(sys.argv[2]).read().splitlines()[-1])["general"]["metrics"]["test"]["ndcg@10"]
assert abs(total / len(qrels) - reported) < 1e-9, (total / len(qrels), reported)
PY

# The report is one page without anything from outside.
run 0 sartor report . -o page.html
grep -qiE '(src|href)="https?://' page.html && fail "the report loads something"
[ "$(wc -c < page.html)" -lt 1000000 ] || fail "the report is over 1 MB"
