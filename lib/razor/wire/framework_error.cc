#include "razor/wire/framework_error.h"

#include <algorithm>

#include "razor/base/byte_order.h"

namespace razor::wire {
namespace {

using base::Errc;

// ran, hint, two bytes of nothing, milliseconds.
constexpr std::size_t kFixedBytes = 8;
constexpr std::uint8_t kNoRetry = 0x01;

struct Code {
  std::uint32_t number;
  Errc errc;
};

// Fixed for ever.
constexpr std::array kCodes = {
    Code{1, Errc::method_not_found}, Code{2, Errc::service_not_found}, Code{3, Errc::decode},
    Code{4, Errc::encode},           Code{5, Errc::internal},          Code{6, Errc::overloaded},
    Code{7, Errc::draining},         Code{8, Errc::too_large},         Code{9, Errc::deadline_exceeded},
    Code{10, Errc::cancelled},       Code{11, Errc::unsupported},      Code{12, Errc::denied},
    Code{13, Errc::bad_frame},
};

constexpr std::array kRanByNumber = {base::Ran::no, base::Ran::maybe, base::Ran::yes};

}  // namespace

std::optional<std::uint32_t> code_of(Errc errc) {
  const auto found = std::ranges::find(kCodes, errc, &Code::errc);
  if (found == kCodes.end()) return std::nullopt;
  return found->number;
}

Errc errc_of_code(std::uint32_t code) {
  const auto found = std::ranges::find(kCodes, code, &Code::number);
  return found == kCodes.end() ? Errc::internal : found->errc;
}

base::Bytes encode_body(const FrameworkError& error) {
  const std::string_view text = error.text.substr(0, FrameworkError::kTextBytesMax);
  base::Bytes body(kFixedBytes + text.size());
  const auto ran = static_cast<std::uint8_t>(std::ranges::find(kRanByNumber, error.ran) - kRanByNumber.begin());
  base::store_little(body.data(), ran);
  base::store_little(body.data() + 1, static_cast<std::uint8_t>(error.no_retry ? kNoRetry : 0));
  const auto milliseconds =
      std::chrono::ceil<std::chrono::milliseconds>(std::max(error.retry_after, base::Duration::zero()));
  constexpr std::int64_t kMost = 0xffff'ffff;
  base::store_little(body.data() + 4, static_cast<std::uint32_t>(std::min<std::int64_t>(milliseconds.count(), kMost)));
  std::ranges::copy(base::as_bytes(text), body.begin() + kFixedBytes);
  return body;
}

FrameworkError framework_error_of(const ResponseFrame& response) {
  FrameworkError error;
  error.errc = errc_of_code(response.head.msg_bytes_or_number);
  const base::ByteView body = response.blob;
  if (body.size() < kFixedBytes) return error;
  const auto ran = base::load_little<std::uint8_t>(body.data());
  if (ran < kRanByNumber.size()) error.ran = kRanByNumber[ran];
  error.no_retry = (base::load_little<std::uint8_t>(body.data() + 1) & kNoRetry) != 0;
  error.retry_after = std::chrono::milliseconds(base::load_little<std::uint32_t>(body.data() + 4));
  error.text = base::as_text(body.subspan(kFixedBytes)).substr(0, FrameworkError::kTextBytesMax);
  return error;
}

}  // namespace razor::wire
