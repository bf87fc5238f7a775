#pragma once
// Bytes that are owned, and views of bytes that are borrowed.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace razor::base {

/// Owned bytes. As a msgpack value it travels as `bin`; a `std::vector<std::uint8_t>` travels as an array of integers.
using Bytes = std::vector<std::byte>;
/// Borrowed bytes; whoever hands one out says until when.
using ByteView = std::span<const std::byte>;
/// Borrowed bytes that may be written.
using MutableBytes = std::span<std::byte>;

/// An amount of bytes, where a bare number would not say its unit.
using ByteCount = std::uint64_t;
inline constexpr ByteCount kKiB = 1024;
inline constexpr ByteCount kMiB = 1024 * kKiB;

inline ByteView as_bytes(std::string_view text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }

/// The same bytes seen as characters; lives as long as what `bytes` borrows from.
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

inline Bytes to_bytes(ByteView view) { return Bytes(view.begin(), view.end()); }

}  // namespace razor::base

namespace razor {
using base::as_bytes;
using base::as_text;
using base::Bytes;
using base::ByteView;
}  // namespace razor
