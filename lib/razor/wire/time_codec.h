#pragma once
// Codecs of std::chrono: a duration is its count, so both ends must mean the same unit; a point in time of the system's
// clock is a timestamp of msgpack's (extension -1). Points of other clocks mean nothing to another machine.
//
// A type that is coarser than the timestamp that arrives, such as whole seconds, takes what has begun of its unit.

#include <chrono>
#include <concepts>

#include "razor/wire/codec.h"
#include "razor/wire/codec_traits.h"

namespace razor {

namespace wire {

/// A point in time as msgpack counts it.
struct Timestamp {
  std::int64_t seconds = 0;       ///< since 1970, without leap seconds
  std::uint32_t nanoseconds = 0;  ///< below 10^9, to be added
};

/// The shortest of the three forms.
/// Source: github.com/msgpack/msgpack/blob/master/spec.md, "Timestamp extension type".
void put_timestamp(Encoder& to, Timestamp value);
/// Any of the three; 10^9 nanoseconds and more are refused.
bool read_timestamp(Decoder& from, Timestamp& value);

namespace detail {

template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

constexpr std::int64_t kNanoseconds = 1'000'000'000;

/// The arithmetic of a duration that counts either whole parts of a second or whole seconds.
template <class Duration>
struct TimestampOf {
  using Rep = typename Duration::rep;
  using Period = typename Duration::period;
  static constexpr bool kInSeconds = Period::den == 1;
  static_assert(std::is_integral_v<Rep> && (kInSeconds || Period::num == 1),
                "razor: a point in time that travels counts whole seconds, or whole parts of a second, as an integer");
  static_assert(kNanoseconds % Period::den == 0 || Period::den % kNanoseconds == 0,
                "razor: a point in time that travels counts parts of a second that nanoseconds can express");

  static Timestamp of(Duration since_epoch) {
    if (!std::in_range<std::int64_t>(since_epoch.count()))
      throw EncodeError("a point in time out of the range of a timestamp");
    const auto count = static_cast<std::int64_t>(since_epoch.count());
    if constexpr (kInSeconds) {
      std::int64_t seconds = 0;
      if (__builtin_mul_overflow(count, std::int64_t{Period::num}, &seconds)) {
        throw EncodeError("a point in time out of the range of a timestamp");
      }
      return {seconds, 0};
    } else {
      const bool borrows = count % Period::den < 0;
      const std::int64_t parts = count % Period::den + (borrows ? Period::den : 0);
      return {count / Period::den - (borrows ? 1 : 0), static_cast<std::uint32_t>(nanoseconds_of(parts))};
    }
  }

  /// False where `value` is out of its range.
  static bool to(Timestamp value, Duration& since_epoch) {
    std::int64_t count = 0;
    if constexpr (kInSeconds) {
      count = value.seconds / Period::num - (value.seconds % Period::num < 0 ? 1 : 0);
    } else {
      const std::int64_t parts = parts_of(value.nanoseconds);
      // Below zero the parts make the seconds less: counted from the next second they cannot overflow on the way.
      const bool borrows = value.seconds < 0;
      if (__builtin_mul_overflow(value.seconds + (borrows ? 1 : 0), std::int64_t{Period::den}, &count) ||
          __builtin_add_overflow(count, borrows ? parts - Period::den : parts, &count)) {
        return false;
      }
    }
    if (!std::in_range<Rep>(count)) return false;
    since_epoch = Duration(static_cast<Rep>(count));
    return true;
  }

 private:
  static std::int64_t nanoseconds_of(std::int64_t parts) {
    if constexpr (kNanoseconds % Period::den == 0) {
      return parts * (kNanoseconds / Period::den);
    } else {
      return parts / (Period::den / kNanoseconds);
    }
  }
  static std::int64_t parts_of(std::int64_t nanoseconds) {
    if constexpr (kNanoseconds % Period::den == 0) {
      return nanoseconds / (kNanoseconds / Period::den);
    } else {
      return nanoseconds * (Period::den / kNanoseconds);
    }
  }
};

}  // namespace detail
}  // namespace wire

template <>
struct Codec<wire::Timestamp> {
  static void encode(wire::Encoder& to, const wire::Timestamp& value) { wire::put_timestamp(to, value); }
  static bool decode(wire::Decoder& from, wire::Timestamp& value) { return wire::read_timestamp(from, value); }
};

template <class Rep, class Period>
struct Codec<std::chrono::duration<Rep, Period>> {
  using T = std::chrono::duration<Rep, Period>;
  static void encode(wire::Encoder& to, const T& value) { Codec<Rep>::encode(to, value.count()); }
  static bool decode(wire::Decoder& from, T& value) {
    Rep count{};
    if (!Codec<Rep>::decode(from, count)) return false;
    value = T(count);
    return true;
  }
};

template <class Clock, class Duration>
struct Codec<std::chrono::time_point<Clock, Duration>> {
  using T = std::chrono::time_point<Clock, Duration>;
  static constexpr void check() {
    static_assert(
        std::is_same_v<Clock, std::chrono::system_clock>,
        "razor: only points in time of std::chrono::system_clock travel: another clock's mean nothing elsewhere. Send a "
        "duration");
  }

  static void encode(wire::Encoder& to, const T& value) {
    check();
    wire::put_timestamp(to, wire::detail::TimestampOf<Duration>::of(value.time_since_epoch()));
  }
  static bool decode(wire::Decoder& from, T& value) {
    check();
    wire::Timestamp timestamp;
    if (!wire::read_timestamp(from, timestamp)) return false;
    Duration since_epoch{};
    if (!wire::detail::TimestampOf<Duration>::to(timestamp, since_epoch)) return from.fail("a timestamp out of range");
    value = T(since_epoch);
    return true;
  }
};

}  // namespace razor
