# The same inputs and seed give the same bundle bytes with 1 and 2 threads, and after a kill.
. "$(dirname "$0")/lib.sh"
for name in one two killed; do small_shop $name; done
quick="--set tuning.trials=60 --set tuning.strengths=[1] --set models.trees.rounds=16 --set gate.min_users=60
       --set models.ease_regularization=[300] --set split.earlier=2"

run 0 sartor run one -q --threads 1 $quick
run 0 sartor run two -q --threads 2 $quick
same one/bundles/current/ two/bundles/current/

# Killed again and again, a run goes on behind its last finished step.
for wait in 0.6 1.2 1.8; do
  "$SARTOR" run killed -q --threads 2 $quick >/dev/null 2>&1 &
  pid=$!
  sleep $wait
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
done
run 0 sartor run killed -q --threads 2 $quick
same one/bundles/current/ killed/bundles/current/

# Another seed is another bundle.
run 0 sartor run two -q --seed 7 $quick
[ "$(readlink two/bundles/current)" != "$(readlink one/bundles/current)" ] || fail "the seed made no difference"

# A re-ranker that loses on validate (one split on one feature) is left out, and the report says why.
small_shop loser
run 0 sartor run loser -q --threads 2 --json $quick --set data.min_item_events=1 --set models.trees.rounds=1 --set models.trees.leaves=2 --set models.trees.feature_share=0.05
check "'rerank' not in j['general']['parameters'] and j['general']['family'] == 'blend'"
run 0 sartor report loser -o loser.html
has "not better than the blend" loser.html
