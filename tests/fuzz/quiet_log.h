#pragma once
// A log that takes every line, so that its text is made, and keeps none.

#include "razor/base/log.h"

namespace razor::fuzz {

class QuietLog final : public base::LogSink {
 public:
  bool enabled(base::LogLevel) const override { return true; }
  void write(base::LogLevel, std::string_view) override {}
};

}  // namespace razor::fuzz
