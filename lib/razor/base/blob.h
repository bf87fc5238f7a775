#pragma once
// Blob: bytes that travel beside a message, as they are: no codec touches them, and large ones are not copied on their way.
// Its bytes never change; copies of a Blob share them.
//
//   razor::Blob blob(std::move(bytes));                        // owns what it is made of
//   auto blob = razor::Blob::borrow(view, page);               // `page`, a shared_ptr, keeps what `view` sees
//   auto blob = razor::Blob::borrow_static(view);              // sees what is there until the program ends

#include <algorithm>
#include <memory>
#include <string_view>

#include "razor/base/bytes.h"

namespace razor::base {

/// Threads: as a std::shared_ptr: each of its own, over bytes that any number of threads read.
class Blob {
 public:
  Blob() = default;
  /// Owns `bytes`.
  /// Errors: throws std::bad_alloc, as all that makes one.
  Blob(Bytes bytes);
  /// Sees `bytes`, which live as long as `owner`: that is kept until nobody needs the bytes any more. For a call that is the
  /// end of the call and of everything that was sent for it, cancelled attempts included; it may be let go on the thread of
  /// any Runtime that carried the call.
  static Blob borrow(ByteView bytes, std::shared_ptr<const void> owner) { return Blob(bytes, std::move(owner)); }
  /// Sees `bytes`, which live until the program ends.
  static Blob borrow_static(ByteView bytes) { return Blob(bytes, nullptr); }
  static Blob copy_of(ByteView bytes);
  static Blob copy_of(std::string_view text) { return copy_of(as_bytes(text)); }

  ByteView view() const { return view_; }
  operator ByteView() const { return view_; }
  const std::byte* data() const { return view_.data(); }
  std::size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }

  /// Of the bytes.
  bool operator==(const Blob& other) const { return std::ranges::equal(view_, other.view_); }

 private:
  Blob(ByteView view, std::shared_ptr<const void> owner) : view_(view), owner_(std::move(owner)) {}

  ByteView view_;
  std::shared_ptr<const void> owner_;
};

}  // namespace razor::base

namespace razor {
using base::Blob;
}  // namespace razor
