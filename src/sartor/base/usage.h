// What this process has used so far, of the processor and of memory.
#pragma once

namespace sartor {

double cpu_seconds();  // user and system, all threads
double peak_rss_mb();

}  // namespace sartor
