#include <fmt/core.h>

#include "sartor/base/text.h"
#include "verbs.h"

namespace sartor {
namespace {

const std::vector<std::string> kVerbs = {"demo",   "init",      "check",      "run",  "step",
                                         "report", "recommend", "serve",      "keys", "replay",
                                         "bench",  "config",    "completions"};
const std::vector<std::string> kFlags = {"--workspace", "--config", "--threads", "--seed",
                                         "--set",       "--json",   "--quiet",   "--help"};

std::vector<std::string> step_names() { return {std::begin(kSteps), std::end(kSteps)}; }

std::string bash() {
  return fmt::format(R"(# bash completion for sartor: source <(sartor completions bash)
_sartor() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{} --help --version" -- "$current"))
  elif [ "$previous" = step ]; then
    COMPREPLY=($(compgen -W "{}" -- "$current"))
  elif [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "{}" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}}
complete -o filenames -F _sartor sartor
)",
                     join(kVerbs, " "), join(step_names(), " "), join(kFlags, " "));
}

std::string zsh() {
  return fmt::format(R"(#compdef sartor
# zsh completion for sartor: source <(sartor completions zsh)
_sartor() {{
  if (( CURRENT == 2 )); then
    compadd -- {}
  elif [[ $words[2] == step && CURRENT == 3 ]]; then
    compadd -- {}
  else
    compadd -- {}
    _files
  fi
}}
compdef _sartor sartor
)",
                     join(kVerbs, " "), join(step_names(), " "), join(kFlags, " "));
}

std::string fish() {
  std::string out = "# fish completion for sartor: sartor completions fish | source\n";
  out += fmt::format("complete -c sartor -n __fish_use_subcommand -a '{}'\n", join(kVerbs, " "));
  out += fmt::format("complete -c sartor -n '__fish_seen_subcommand_from step' -a '{}'\n",
                     join(step_names(), " "));
  for (const std::string& flag : kFlags)
    out += fmt::format("complete -c sartor -l {}\n", flag.substr(2));
  return out;
}

}  // namespace

std::string completions(const std::string& shell) {
  return shell == "zsh" ? zsh() : shell == "fish" ? fish() : bash();
}

}  // namespace sartor
