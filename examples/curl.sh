#!/usr/bin/env bash
# What a shop asks of a server, with curl alone: examples/curl.sh http://127.0.0.1:8080 USER ITEM [KEY]
set -euo pipefail
url=$1 user=$2 item=$3 key=${4:-}
ask() { curl -sS --fail-with-body ${key:+-H "Authorization: Bearer $key"} "$@"; echo; }
send() { ask -H 'Content-Type: application/json' --data "$2" "$url$1"; }

# Whether it is there, and has something to serve.
ask "$url/health/ready"

# A list for a user; one for a stranger on a tablet; one for somebody who has just taken an item.
ask -G "$url/v1/recommendations" --data-urlencode "user=$user" -d k=5
ask -G "$url/v1/recommendations" -d k=5 -d context.device=tablet
ask -G "$url/v1/recommendations" --data-urlencode "history=$item" -d k=5

# With wishes: one item on top, one left out, nothing that was taken before, and why each item is there.
send /v1/recommendations '{"user":"'"$user"'", "k":5, "pins":["'"$item"'"], "seen":"exclude", "reasons":true}'

# What people take who take this.
ask -G "$url/v1/similar-items" --data-urlencode "item=$item" -d k=5

# Something happened. The same event_id again counts once.
send /v1/events '{"events":[{"event_id":"order-1", "user":"'"$user"'", "item":"'"$item"'", "type":"purchase", "value":4.95}]}'

# What is known of a user; which segments there are; which versions; the latest run.
ask -G "$url/v1/users/$user"
ask "$url/v1/segments"
ask "$url/v1/models"
ask "$url/v1/runs?limit=1"

# For Prometheus.
ask "$url/metrics" | sed -n 1,4p
