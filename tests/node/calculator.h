#pragma once
// CalculatorService: what razor_node offers, and what the golden cases were captured from.

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <system_error>
#include <thread>
#include <variant>
#include <vector>

#include "razor/api/service.h"
#include "razor/runtime/runtime.h"
#include "razor/wire/wire_error.h"

namespace razor::node {

struct NoSuchFile {
  RAZOR_UNIT(NoSuchFile)
};
struct TooMany {
  std::uint32_t count = 0;
  RAZOR_NEWTYPE(TooMany, count)
};
using CustomError = std::variant<NoSuchFile, TooMany>;
struct Marker {
  RAZOR_UNIT(Marker)
};

struct CalculatorService {
  /// Unit on overflow.
  virtual Call<std::int32_t, Unit> add(std::int32_t a, std::int32_t b) = 0;
  /// "division by zero".
  virtual Call<std::int32_t, std::string> div(std::int32_t a, std::int32_t b) = 0;
  /// Doubles; EINVAL for negative numbers.
  virtual Call<std::int32_t, std::errc> might_fail_with_errno(std::int32_t value) = 0;
  virtual Call<std::string> echo(std::string text) = 0;
  /// The same by a coroutine.
  virtual Call<std::string> echo_coroutine(std::string text) = 0;
  virtual Call<std::vector<std::uint8_t>> echo_bytes(std::vector<std::uint8_t> bytes) = 0;
  virtual Call<Marker> echo_unit(Marker marker) = 0;
  virtual Call<> noop() = 0;
  /// These answer their argument as an error.
  virtual Call<void, std::int32_t> fail_i32(std::int32_t value) = 0;
  virtual Call<void, std::uint32_t> fail_u32(std::uint32_t value) = 0;
  virtual Call<void, std::string> fail_str(std::string text) = 0;
  /// 0: NoSuchFile; n: TooMany(n).
  virtual Call<void, CustomError> fail_custom(std::uint32_t count) = 0;
  /// The n-th framework failure (wire/wire_error.h).
  virtual Call<> fail_internal(std::uint32_t index) = 0;
  virtual Call<> sleep_ms(std::uint32_t milliseconds) = 0;
  /// Holds the server's thread, as a handler does that computes: meanwhile nobody else is served.
  virtual Call<> hold_ms(std::uint32_t milliseconds) = 0;

  RAZOR_SERVICE(CalculatorService, add, div, might_fail_with_errno, echo, echo_coroutine, echo_bytes, echo_unit, noop,
                fail_i32, fail_u32, fail_str, fail_custom, fail_internal, sleep_ms, hold_ms)
};

class Calculator final : public CalculatorService {
 public:
  /// `clock` outlives the service. `on_echo` is told of each text before it is echoed.
  explicit Calculator(runtime::Clock& clock, std::function<void(std::string_view)> on_echo = {})
      : clock_(clock), on_echo_(std::move(on_echo)) {}

  Call<std::int32_t, Unit> add(std::int32_t a, std::int32_t b) override {
    std::int32_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) return Fail{};
    return sum;
  }
  Call<std::int32_t, std::string> div(std::int32_t a, std::int32_t b) override {
    if (b == 0) return Fail{"division by zero"};
    if (a == std::numeric_limits<std::int32_t>::min() && b == -1) return Fail{"overflow"};
    return a / b;
  }
  Call<std::int32_t, std::errc> might_fail_with_errno(std::int32_t value) override {
    if (value < 0) return Fail{std::errc::invalid_argument};
    std::int32_t doubled = 0;
    if (__builtin_mul_overflow(value, 2, &doubled)) return Fail{std::errc::result_out_of_range};
    return doubled;
  }
  Call<std::string> echo(std::string text) override {
    if (on_echo_) on_echo_(text);
    return text;
  }
  Call<std::string> echo_coroutine(std::string text) override {
    if (on_echo_) on_echo_(text);
    co_return std::move(text);
  }
  Call<std::vector<std::uint8_t>> echo_bytes(std::vector<std::uint8_t> bytes) override { return bytes; }
  Call<Marker> echo_unit(Marker marker) override { return marker; }
  Call<> noop() override { return {}; }
  Call<void, std::int32_t> fail_i32(std::int32_t value) override { return Fail{value}; }
  Call<void, std::uint32_t> fail_u32(std::uint32_t value) override { return Fail{value}; }
  Call<void, std::string> fail_str(std::string text) override { return Fail{std::move(text)}; }
  Call<void, CustomError> fail_custom(std::uint32_t count) override {
    if (count == 0) return Fail{NoSuchFile{}};
    return Fail{TooMany(count)};
  }
  Call<> fail_internal(std::uint32_t index) override {
    const auto errors = wire::framework_errors();
    return index < errors.size() ? errors[index] : base::Errc::internal;
  }
  Call<> sleep_ms(std::uint32_t milliseconds) override {
    co_await clock_.sleep_for(std::chrono::milliseconds(milliseconds));
  }
  Call<> hold_ms(std::uint32_t milliseconds) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    return {};
  }

 private:
  runtime::Clock& clock_;
  std::function<void(std::string_view)> on_echo_;
};

}  // namespace razor::node
