#include "razor/stream/internal/in_flight.h"

#include <algorithm>
#include <bit>

#include "razor/base/check.h"
#include "razor/base/out_of_memory.h"

namespace razor::stream {
namespace {

constexpr std::size_t kSlotsAtFirst = 64;
constexpr std::size_t kSlotsMax = std::size_t{1} << 20;

}  // namespace

template <class Call>
SeqTable<Call>::SeqTable(std::uint32_t expected)
    : slots_(kSlotsAtFirst),
      mask_(kSlotsAtFirst - 1),
      slots_max_(std::clamp(std::bit_ceil(std::size_t{expected} * 2), kSlotsAtFirst, kSlotsMax)) {}

// The place of `seq` is taken by an older call. A ring that is too small for what is in flight grows; else the older
// call is a slow one, and leaves the ring; also when there is no memory for a larger one.
template <class Call>
void SeqTable<Call>::make_room(wire::Seq seq) {
  while (slots_[seq & mask_].call != nullptr) {
    const std::size_t in_ring = size_ - overflow_.size();
    if (slots_.size() < slots_max_ && in_ring * 2 >= slots_.size() && grow()) continue;
    Slot& slot = slots_[seq & mask_];
    overflow_.emplace(slot.seq, slot.call);
    slot.call = nullptr;
  }
}

template <class Call>
bool SeqTable<Call>::grow() {
  std::vector<Slot> larger;
  if (!base::catching_bad_alloc([&] { larger.resize(slots_.size() * 2); })) return false;
  const std::uint64_t mask = larger.size() - 1;
  // Two calls that have different places in the smaller ring have different ones in the larger.
  for (const Slot& slot : slots_) {
    if (slot.call != nullptr) larger[slot.seq & mask] = slot;
  }
  slots_ = std::move(larger);
  mask_ = mask;
  return true;
}

template <class Call>
Call* SeqTable<Call>::take_overflow(wire::Seq seq) {
  const auto found = overflow_.find(seq);
  if (found == overflow_.end()) return nullptr;
  Call* call = found->second;
  overflow_.erase(found);
  --size_;
  return call;
}

template <class Call>
void SeqTable<Call>::replace(wire::Seq seq, Call& call) {
  Slot& slot = slots_[seq & mask_];
  if (slot.seq == seq && slot.call != nullptr) {
    slot.call = &call;
    return;
  }
  const auto found = overflow_.find(seq);
  RAZOR_CHECK(found != overflow_.end(), "seq={} is not in flight", seq);
  found->second = &call;
}

template class SeqTable<Exchange>;
template class SeqTable<ServerCall>;

}  // namespace razor::stream
