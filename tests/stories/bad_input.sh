# What goes wrong is said with file, line, field, value and what was expected; nothing is half done.
. "$(dirname "$0")/lib.sh"

run 2 sartor run .
has "sartor init" "$err"
run 2 sartor nonsense
run 2 sartor run . --threads 0

write_config() {
  cat > sartor.toml <<TOML
[[events]]
files = ["log.csv"]
user = "user"
item = "item"
time = "at"
$1
TOML
}
python3 - <<'PY'
import random
random.seed(1)
with open("log.csv", "w") as f:
    f.write("user,item,at\n")
    for day in range(100):
        for n in range(30):
            u = random.randrange(60)
            f.write(f"u{u},i{(u % 5) * 60 + random.randrange(80)},2024-{1 + day // 28:02}-{1 + day % 28:02} 10:00:{n:02}\n")
PY

write_config '
[gate]
min_usres = 3'
run 2 sartor run .
has "sartor.toml:8: gate.min_usres: unknown key (did you mean 'min_users'?)" "$err"
write_config '
[gate]
metric = "ndgc@10"'
run 2 sartor run .
has "did you mean 'ndcg'" "$err"
write_config '
[[segments]]
name = "s"
rules = [ { name = "a", where = "evnts > 3" } ]'
run 2 sartor run .
has "rule 'a'" "$err"
has "events" "$err"
write_config '
[[segments]]
name = "s"
rules = [ { name = "a", where = "(SELECT count(*) FROM read_csv(1)) > 3" } ]'
run 2 sartor run .
[ -e bundles/current ] && fail "a bundle was published"

# Too much for the memory that was allowed: the head of the catalogue is kept, and that is said.
write_config ''
run 0 sartor run . --json --set gate.min_users=10 --set models.max_items=50
has "keeps the 50 most popular of" "$err"
check "any(w['code'] == 'model_note' and 'keeps the 50 most popular of' in w['detail'] for w in j['warnings'])"

# A good run, then bad data: the published bundle stays.
write_config ''
run 0 sartor run . -q --json --set gate.min_users=10
bundle=$(readlink bundles/current)
run 0 sartor recommend . --user u1 -k 3
cp log.csv good.csv
sed -i '5,300s/,2024[^,]*/,yesterday/' log.csv
run 3 sartor run . --set gate.min_users=10
has "log.csv" "$err"
has "yesterday" "$err"
[ "$(readlink bundles/current)" = "$bundle" ] || fail "the old bundle is not served any more"
run 0 sartor recommend . --user u1 -k 3

rm log.csv
run 3 sartor run .
has "events[0].files" "$err"
cp good.csv log.csv

# init writes a config that runs; it never overwrites one.
run 2 sartor init . --events log.csv
run 0 sartor init fresh --events log.csv
run 0 sartor check fresh --json
check "j['data']['events'] > 1000"
run 0 sartor run fresh -q --set gate.min_users=10

for shell in bash zsh fish; do run 0 sartor completions $shell; has "recommend"; done
bash -n <("$SARTOR" completions bash) || fail "bash completions do not parse"
run 0 sartor config schema
python3 -m json.tool < "$out" > /dev/null || fail "the schema is not JSON"

# The documentation of the settings is what the program says.
run 0 sartor config markdown
same "$out" "$source_dir/docs/config.md"
