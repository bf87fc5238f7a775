// Code of users that has nobody to throw to. Without the guard the program ends here.

#include "razor/base/user_code.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace razor::base {
namespace {

class KeptLog final : public LogSink {
 public:
  bool enabled(LogLevel) const override { return true; }
  void write(LogLevel level, std::string_view line) override {
    lines.push_back(std::string(name_of(level)) + ": " + std::string(line));
  }
  std::vector<std::string> lines;
};

std::string name() { return "the completion of Store.get"; }

TEST(UserCode, IsRun) {
  KeptLog log;
  int runs = 0;
  run_user_code(&log, name, [&] { ++runs; });
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(log.lines.empty());
}

TEST(UserCode, WhatItThrowsIsLogged) {
  KeptLog log;
  run_user_code(&log, name, [] { throw std::runtime_error("no such key"); });
  run_user_code(&log, name, [] { throw 1; });
  EXPECT_EQ(log.lines, (std::vector<std::string>{"error: the completion of Store.get threw: no such key",
                                                 "error: the completion of Store.get threw"}));
}

TEST(UserCode, IsLoggedAlsoWhenItsNameCannotBeMade) {
  KeptLog log;
  run_user_code(&log, []() -> std::string { throw std::bad_alloc(); }, [] { throw std::runtime_error("no such key"); });
  EXPECT_EQ(log.lines, std::vector<std::string>{"error: a completion threw: no such key"});
}

TEST(UserCode, WithoutALogGoesToStderr) {
  testing::internal::CaptureStderr();
  run_user_code(nullptr, name, [] { throw std::runtime_error("no such key"); });
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "razor error: the completion of Store.get threw: no such key\n");
}

}  // namespace
}  // namespace razor::base
