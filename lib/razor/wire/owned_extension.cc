#include "razor/wire/owned_extension.h"

#include <algorithm>

namespace razor::wire {
namespace {

// Copies what it is given into a buffer that was made large enough.
class Copier {
 public:
  explicit Copier(base::Bytes& to) : at_(to.data()) {}
  base::ByteView copy(base::ByteView bytes) {
    std::byte* const begin = at_;
    at_ = std::ranges::copy(bytes, at_).out;
    return {begin, bytes.size()};
  }
  std::string_view copy(std::string_view text) { return base::as_text(copy(base::as_bytes(text))); }

 private:
  std::byte* at_;
};

}  // namespace

OwnedExtension::OwnedExtension(const TraceContext* trace, std::span<const MetadataItem> metadata) {
  std::size_t bytes = trace == nullptr ? 0 : trace->tracestate.size();
  for (const MetadataItem& item : metadata) bytes += item.key.size() + item.value.size();
  bytes_.resize(bytes);
  Copier copier(bytes_);
  if (trace != nullptr) {
    extension_.trace = *trace;
    extension_.trace->tracestate = copier.copy(trace->tracestate);
  }
  extension_.metadata.assign(metadata.begin(), metadata.end());
  for (MetadataItem& item : extension_.metadata) {
    item.key = copier.copy(item.key);
    item.value = copier.copy(item.value);
  }
}

}  // namespace razor::wire
