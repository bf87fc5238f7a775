#include "razor/base/blob.h"

namespace razor::base {

// Not inline: g++ 12 warns of a wrong delete where it sees into the vector that is moved from.
Blob::Blob(Bytes bytes) {
  if (bytes.empty()) return;
  const auto owner = std::make_shared<const Bytes>(std::move(bytes));
  view_ = *owner;
  owner_ = owner;
}

Blob Blob::copy_of(ByteView bytes) { return Blob(to_bytes(bytes)); }

}  // namespace razor::base
