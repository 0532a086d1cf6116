#include "sartor/base/usage.h"

#include <sys/resource.h>

namespace sartor {
namespace {

rusage usage() {
  rusage out{};
  ::getrusage(RUSAGE_SELF, &out);
  return out;
}

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
}

}  // namespace

double cpu_seconds() {
  const rusage now = usage();
  return seconds(now.ru_utime) + seconds(now.ru_stime);
}

double peak_rss_mb() { return static_cast<double>(usage().ru_maxrss) / 1024; }

}  // namespace sartor
