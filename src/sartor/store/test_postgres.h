// A PostgreSQL server of the test program's own, started when it is first asked for.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "sartor/base/test_place.h"

namespace sartor {

class TestPostgres {
 public:
  // Its URL; "" where PostgreSQL is not installed.
  static const std::string& url() {
    static const TestPostgres one;
    return one.url_;
  }
  static void start() { (void)run("start"); }
  static void stop() { (void)run("stop"); }

 private:
  TestPostgres() : url_(run("start")) {
    if (!url_.empty()) url_.pop_back();  // the line's end
  }
  ~TestPostgres() { (void)run("remove"); }

  static std::string run(const std::string& what) {
    const std::string command = "bash '" + std::string(kSourceDir) + "/tests/postgres.sh' " + what +
                                " /tmp/sartor-pg." + std::to_string(::getpid()) + " 2>/dev/null";
    std::string out;
    FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return out;
    for (int c = 0; (c = std::fgetc(pipe)) != EOF;) out.push_back(static_cast<char>(c));
    return ::pclose(pipe) == 0 ? out : "";
  }

  std::string url_;
};

}  // namespace sartor
