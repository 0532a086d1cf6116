// What the gate refuses to look at. Internal to the gate.
#pragma once

#include "sartor/evaluation/gate.h"

namespace sartor {

// As run_gate promises: `config` or `bad_data`, naming segment and user.
Status check_gate_input(const GateInput& input);

// The config that decides: the control's is more sensitive than the run's.
GateConfig effective_config(const GateInput& input);

}  // namespace sartor
