#pragma once
// SeqTable: which call has which seq. Pure. A client has one of the calls that wait for responses (InFlight), a server one of the
// requests whose handlers run.
//
// Seqs are consecutive, so the table is a ring indexed by their low bits: 2-8 ns an operation, where a hash map takes
// 14-47. A slow call does not keep the ring from turning: it is moved to an overflow map when its place is needed.

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "razor/wire/frame.h"

namespace razor::stream {

class Exchange;
struct ServerCall;

template <class Call>
class SeqTable {
 public:
  /// Made for up to `expected` calls at a time; more work too, slower.
  explicit SeqTable(std::uint32_t expected);

  /// `seq` is the one behind the last, given to a call or skipped; the first is any.
  void insert(wire::Seq seq, Call& call) {
    skip(seq);
    slots_[seq & mask_] = {seq, &call};
    ++size_;
  }

  /// No call has this seq.
  void skip(wire::Seq seq) {
    if (slots_[seq & mask_].call != nullptr) [[unlikely]]
      make_room(seq);
  }

  /// Takes the call with this seq out; null when there is none.
  Call* take(wire::Seq seq) {
    Slot& slot = slots_[seq & mask_];
    if (slot.seq == seq && slot.call != nullptr) [[likely]] {
      --size_;
      return std::exchange(slot.call, nullptr);
    }
    return overflow_.empty() ? nullptr : take_overflow(seq);
  }

  /// There is one with a seq below this. Looks at all that are in flight.
  bool has_before(wire::Seq seq) const {
    return !overflow_.empty() ||
           std::ranges::any_of(slots_, [seq](const Slot& slot) { return slot.call != nullptr && slot.seq < seq; });
  }

  /// Another object stands for the call with this seq, which is in the table, from now on.
  void replace(wire::Seq seq, Call& call);

  /// The call with this seq; null when there is none.
  Call* find(wire::Seq seq) const {
    const Slot& slot = slots_[seq & mask_];
    if (slot.seq == seq && slot.call != nullptr) [[likely]]
      return slot.call;
    const auto found = overflow_.empty() ? overflow_.end() : overflow_.find(seq);
    return found == overflow_.end() ? nullptr : found->second;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// Calls `visit(Call&)` on each, in the order of their seqs; `visit` may take the call it is given, and no other.
  /// Takes no memory.
  template <class Visit>
  void for_each(Visit&& visit);

 private:
  struct Slot {
    wire::Seq seq = 0;
    Call* call = nullptr;
  };

  void make_room(wire::Seq seq);
  bool grow();
  Call* take_overflow(wire::Seq seq);

  std::vector<Slot> slots_;
  std::uint64_t mask_;
  std::size_t slots_max_;
  std::map<wire::Seq, Call*> overflow_;
  std::size_t size_ = 0;
};

// ---------------------------------------------------------------------------------------------------------------------

// Those in the ring are less than its size apart, for the place of every seq is looked at when that is given away; those in
// the overflow were the oldest of the ring, one after the other.
template <class Call>
template <class Visit>
void SeqTable<Call>::for_each(Visit&& visit) {
  for (auto at = overflow_.begin(); at != overflow_.end();) visit(*(at++)->second);
  wire::Seq first = ~wire::Seq{0};
  for (const Slot& slot : slots_) {
    if (slot.call != nullptr) first = std::min(first, slot.seq);
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Call* call = slots_[(first + i) & mask_].call;
    if (call != nullptr) visit(*call);
  }
}

extern template class SeqTable<Exchange>;
extern template class SeqTable<ServerCall>;

using InFlight = SeqTable<Exchange>;

}  // namespace razor::stream
