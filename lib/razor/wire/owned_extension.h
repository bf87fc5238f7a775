#pragma once
// OwnedExtension: an extension that owns what it says, for whoever keeps it beyond the frame, or the statement, it came from.

#include <memory>

#include "razor/wire/extension.h"

namespace razor::wire {

class OwnedExtension {
 public:
  /// `trace` may be null.
  /// Errors: throws std::bad_alloc.
  OwnedExtension(const TraceContext* trace, std::span<const MetadataItem> metadata);
  OwnedExtension(const OwnedExtension&) = delete;
  OwnedExtension& operator=(const OwnedExtension&) = delete;
  ~OwnedExtension() = default;

  /// Null: none.
  const TraceContext* trace() const { return extension_.trace ? &*extension_.trace : nullptr; }
  std::span<const MetadataItem> metadata() const { return extension_.metadata; }

 private:
  base::Bytes bytes_;  // of all texts and values, one behind the other
  Extension extension_;
};

}  // namespace razor::wire
