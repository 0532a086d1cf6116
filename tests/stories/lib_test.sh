# The library of the stories itself: what must pass passes, and what must fail fails and says where.
. "$(dirname "$0")/lib.sh"

run 3 bash -c 'echo "{\"a\": [1, 2.5], \"b\": true}"; echo trouble >&2; exit 3'
has '"a"'
has trouble "$err"
has_not trouble
[ "$(json "j['a'][1]")" = 2.5 ] || fail "json printed $(json "j['a'][1]")"
check "j['b'] and len(j['a']) == 2"
echo x >one; echo x >two; same one two

# Each of these ends its own subshell with 1.
for broken in "run 0 false" "has nothing" "has_not '\"a\"'" "check \"j['b'] is False\"" \
  "check \"j['c']\"" "same one $0"; do
  run 3 bash -c 'echo "{\"a\": 1, \"b\": true}"; exit 3'
  (eval "$broken") >message && fail "passed: $broken"
  grep -q 'lib_test.sh:[0-9]*: ' message || fail "no place in: $(head -1 message)"
done
(skip no reason) >message
[ $? = 77 ] || fail "skip did not end with 77"
