# The story of swaps, longer.
export SWAPS=300 THREADS=6
. "$(dirname "$0")/swap.sh"
