#pragma once
// A PendingCall that only notes how it ended: for tests of the classes that carry calls without a connection.

#include <string>
#include <utility>

#include "razor/stream/pending_call.h"

namespace razor::stream {

class NotedCall final : public PendingCall {
 public:
  NotedCall() = default;
  NotedCall(NotedCall&&) noexcept = default;
  ~NotedCall() = default;

  void answered(const wire::ResponseFrame&) override { ++answers; }
  void failed(base::CallError) override { ++failures; }
  std::string describe() const override { return "a noted call"; }

  bool is_in_flight() const { return was_sent(); }

  int answers = 0;
  int failures = 0;
};

}  // namespace razor::stream
