// The sink for log lines. Without the level check, disabled lines would be formatted, or appear.

#include "razor/base/log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace razor::base {
namespace {

class KeptLines final : public LogSink {
 public:
  bool enabled(LogLevel level) const override { return level >= LogLevel::info; }
  void write(LogLevel level, std::string_view line) override {
    lines.push_back(base::format("{} {}", name_of(level), line));
  }
  std::vector<std::string> lines;
};

TEST(LogSink, ReceivesFinishedLinesOfEnabledLevels) {
  KeptLines sink;
  sink.log(LogLevel::debug, "not {}", "this");
  sink.log(LogLevel::info, "peer {} left after {} calls", "a", 3);
  sink.log(LogLevel::error, "plain");
  EXPECT_EQ(sink.lines, (std::vector<std::string>{"info peer a left after 3 calls", "error plain"}));
}

TEST(StderrLog, WritesWarningsAndErrorsOneLineEach) {
  StderrLog sink;
  testing::internal::CaptureStderr();
  sink.log(LogLevel::info, "quiet");
  sink.log(LogLevel::warning, "loud {}", 1);
  sink.log(LogLevel::error, "louder");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "razor warning: loud 1\nrazor error: louder\n");
}

TEST(StderrLog, StartsAtTheLevelItIsGiven) {
  const StderrLog sink(LogLevel::debug);
  EXPECT_TRUE(sink.enabled(LogLevel::debug));
  EXPECT_FALSE(StderrLog(LogLevel::error).enabled(LogLevel::warning));
}

}  // namespace
}  // namespace razor::base
