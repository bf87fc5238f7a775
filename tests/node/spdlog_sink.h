#pragma once
// The library's log lines, by spdlog, to stderr.

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "razor/base/log.h"

namespace razor::node {

class SpdlogSink final : public base::LogSink {
 public:
  explicit SpdlogSink(base::LogLevel least)
      : logger_(std::make_shared<spdlog::logger>("razor_node", std::make_shared<spdlog::sinks::stderr_color_sink_mt>())) {
    logger_->set_level(level_of(least));
  }

  bool enabled(base::LogLevel level) const override { return logger_->should_log(level_of(level)); }
  void write(base::LogLevel level, std::string_view line) override {
    logger_->log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  static spdlog::level::level_enum level_of(base::LogLevel level) {
    switch (level) {
      case base::LogLevel::debug: return spdlog::level::debug;
      case base::LogLevel::info: return spdlog::level::info;
      case base::LogLevel::warning: return spdlog::level::warn;
      case base::LogLevel::error: return spdlog::level::err;
    }
    return spdlog::level::err;
  }

  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace razor::node
