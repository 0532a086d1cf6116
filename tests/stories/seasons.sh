# Season shoppers are found without being asked for, where the log has a year; and not where it has not.
. "$(dirname "$0")/lib.sh"
mkdir year && python3 - year/log.csv <<'PY'
import datetime, random, sys
random.seed(5)
start = datetime.datetime(2021, 12, 1)
# 200 people of each kind; skates sell in winter, tents in summer, the rest all the year. All buy all the year.
of_kind = {"w": ("skate", 11, 12, 1, 2), "s": ("tent", 6, 7, 8), "n": ("rest",)}
rows = []
for kind, (goods, *months) in of_kind.items():
    for n in range(200):
        for _ in range(30):
            day = start + datetime.timedelta(minutes=random.randrange(396 * 1440))
            wants = goods != "rest" and random.random() < (0.9 if day.month in months else 0.1)
            rows.append((day, f"{kind}{n}", f"{goods}{random.randrange(30)}" if wants else f"rest{random.randrange(60)}"))
with open(sys.argv[1], "w") as file:
    print("user,item,time", file=file)
    for time, user, item in sorted(rows):
        print(user, item, time.isoformat(), sep=",", file=file)
PY
cat > year/sartor.toml <<'TOML'
[[events]]
files = ["log.csv"]
user  = "user"
item  = "item"
time  = "time"
[signal]
repeat = true
[data]
now = "2023-02-01"
[split]
validate_from = 2022-10-01
confirm_from  = 2022-11-01
test_from     = 2022-12-01
TOML

seasons() { printf "{s['segment']: s['users'] for s in j['segments'] if s['segmentation'] == 'seasons'}"; }
run 0 sartor check year --json
# Nearly everybody of the 200 has a purchase in the month; the season is told by what they took before it.
check "$(seasons)['winter shoppers'] > 150"
check "150 < $(seasons)['summer shoppers'] <= 200"
check "150 < $(seasons)['everyone else'] <= 210"
check "$(seasons)['spring shoppers'] == 0 and $(seasons)['autumn shoppers'] <= 20"

quick='--set models.families=["popularity","own_history"] --set tuning.trials=20 --set split.earlier=1 --set gate.min_users=100'
# shellcheck disable=SC2086
run 0 sartor run year -q --json $quick
check "[t['name'] for t in j['segmentation']['tried']] == ['everyone', 'seasons']"
run 0 sartor recommend year --user w1 -k 3 --json

# Switched off; taken names; eight months of log.
run 0 sartor check year --json --set tuning.seasons=false
check "$(seasons) == {}"
run 0 sartor check year --json --set events.0.keep="time >= '2022-04-20'"
check "$(seasons) == {}"
run 2 sartor check year --set 'tuning.importance={"winter shopers"=2}'
has "did you mean 'winter shoppers'" "$err"
