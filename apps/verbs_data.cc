// init and check.
#include "verbs.h"
