#pragma once
// An Exchange that only notes how it ended: for tests of the classes that carry calls without a connection.

#include <optional>
#include <string>
#include <utility>

#include "razor/stream/exchange.h"

namespace razor::stream {

class NotedCall final : public Exchange {
 public:
  NotedCall() = default;
  NotedCall(NotedCall&&) noexcept = default;
  ~NotedCall() = default;

  void on_response(const wire::ResponseFrame&) override { ++answers; }
  void on_failed(base::CallError failure) override {
    ++failures;
    error.emplace(std::move(failure));
  }
  std::string describe() const override { return "a noted call"; }

  bool is_in_flight() const { return was_sent(); }
  using Exchange::was_cut_off;

  int answers = 0;
  int failures = 0;
  std::optional<base::CallError> error;
};

}  // namespace razor::stream
