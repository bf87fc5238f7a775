#pragma once
// ByteSink: where encoders put their bytes. The room that is there is used inline; only when it runs out is the sink
// asked for more.

#include <algorithm>
#include <array>
#include <cstring>

#include "razor/base/bytes.h"

namespace razor::wire {

class ByteSink {
 public:
  ByteSink(const ByteSink&) = delete;
  ByteSink& operator=(const ByteSink&) = delete;

  /// Room for `count` bytes. They count as written once `advance` says so.
  /// Errors: throws std::bad_alloc.
  std::byte* reserve(std::size_t count) {
    if (static_cast<std::size_t>(end_ - position_) < count) [[unlikely]]
      make_room(count);
    return position_;
  }
  /// `count` of the reserved bytes were written.
  void advance(std::size_t count) { position_ += count; }
  /// The same, up to `end`. Cheaper: a byte that was written may, as far as a compiler knows, have changed the position, which
  /// `advance` reads again from memory.
  void advance_to(std::byte* end) { position_ = end; }

  void put(std::byte byte) {
    std::byte* to = reserve(1);
    *to = byte;
    advance_to(to + 1);
  }
  void put(base::ByteView bytes) {
    if (bytes.empty()) return;
    std::byte* to = reserve(bytes.size());
    std::memcpy(to, bytes.data(), bytes.size());
    advance_to(to + bytes.size());
  }

 protected:
  ByteSink() = default;
  ~ByteSink() = default;

  /// Makes room for at least `count` bytes at `position_`.
  virtual void grow(std::size_t count) = 0;

  std::byte* position_ = nullptr;
  std::byte* end_ = nullptr;

 private:
  // Out of line: a compiler that sees one kind of sink only would guess that it is that one, and inline its `grow` at each
  // `reserve`; then too much is there for the encoding of a field to be inlined.
  [[gnu::noinline, gnu::cold]] void make_room(std::size_t count) { grow(count); }
};

/// Collects into Bytes of its own.
class BytesSink final : public ByteSink {
 public:
  BytesSink() = default;

  base::ByteView view() const { return {bytes_.data(), size()}; }
  std::size_t size() const { return static_cast<std::size_t>(position_ - bytes_.data()); }
  /// Forgets what was written, keeps the memory.
  void clear() { position_ = bytes_.data(); }
  base::Bytes take() && {
    bytes_.resize(size());
    return std::move(bytes_);
  }

 private:
  void grow(std::size_t count) override {
    const std::size_t written = size();
    bytes_.resize(std::max(written + count, std::max<std::size_t>(2 * bytes_.size(), 128)));
    position_ = bytes_.data() + written;
    end_ = bytes_.data() + bytes_.size();
  }

  base::Bytes bytes_;
};

/// Collects into N bytes of its own, and into an allocation only when they do not suffice. Not movable.
template <std::size_t N>
class InlineSink final : public ByteSink {
 public:
  InlineSink() {
    position_ = inline_.data();
    end_ = inline_.data() + N;
  }

  base::ByteView view() const { return {begin(), position_}; }

 private:
  const std::byte* begin() const { return spilled_.empty() ? inline_.data() : spilled_.data(); }

  void grow(std::size_t count) override {
    const std::size_t written = view().size();
    base::Bytes larger(std::max(written + count, 2 * std::max(N, spilled_.size())));
    std::memcpy(larger.data(), begin(), written);
    spilled_ = std::move(larger);
    position_ = spilled_.data() + written;
    end_ = spilled_.data() + spilled_.size();
  }

  std::array<std::byte, N> inline_;
  base::Bytes spilled_;
};

}  // namespace razor::wire
