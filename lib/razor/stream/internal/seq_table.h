#pragma once
// SeqTable: what has which seq. Pure. A client has one of the calls that wait for responses (in_flight.h), a server one of the
// requests whose handlers run (server_in_flight.h).
//
// Seqs are consecutive, so the table is a ring indexed by their low bits: 2-8 ns an operation, where a hash map takes
// 14-47. A slow call does not keep the ring from turning: it is moved to an overflow map when its place is needed.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "razor/base/out_of_memory.h"
#include "razor/wire/frame.h"

namespace razor::stream {

/// `Entry` is movable without throwing; one that is made without arguments is nothing, and false.
template <class Entry>
class SeqTable {
 public:
  /// Made for up to `expected` entries at a time; more work too, slower.
  explicit SeqTable(std::uint32_t expected)
      : slots_(kSlotsAtFirst),
        mask_(kSlotsAtFirst - 1),
        slots_max_(std::clamp(std::bit_ceil(std::size_t{expected} * 2), kSlotsAtFirst, kSlotsMax)) {}

  /// The place of `seq`, which is to be made an entry at once. `seq` is the one behind the last, given to an entry or skipped; the
  /// first is any.
  /// Errors: throws std::bad_alloc where an older entry had to leave the ring; nothing has changed then.
  Entry& insert(wire::Seq seq) {
    skip(seq);
    Slot& slot = slots_[seq & mask_];
    slot.seq = seq;
    ++size_;
    return slot.entry;
  }

  /// Nothing has this seq.
  void skip(wire::Seq seq) {
    if (slots_[seq & mask_].entry) [[unlikely]]
      make_room(seq);
  }

  /// Takes the entry with this seq out; nothing when there is none.
  Entry take(wire::Seq seq) {
    Slot& slot = slots_[seq & mask_];
    if (slot.seq == seq && slot.entry) [[likely]] {
      --size_;
      return std::exchange(slot.entry, Entry());
    }
    return overflow_.empty() ? Entry() : take_overflow(seq);
  }

  /// There is one with a seq below this. Looks at all there are.
  bool has_before(wire::Seq seq) const {
    return !overflow_.empty() ||
           std::ranges::any_of(slots_, [seq](const Slot& slot) { return slot.entry && slot.seq < seq; });
  }

  /// The entry with this seq, until another is inserted; null when there is none.
  Entry* find(wire::Seq seq) {
    Slot& slot = slots_[seq & mask_];
    if (slot.seq == seq && slot.entry) [[likely]]
      return &slot.entry;
    const auto found = overflow_.empty() ? overflow_.end() : overflow_.find(seq);
    return found == overflow_.end() ? nullptr : &found->second;
  }
  const Entry* find(wire::Seq seq) const { return const_cast<SeqTable*>(this)->find(seq); }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// Calls `visit(Entry&)` on each, in the order of their seqs; `visit` may take the one it is given, and no other, and does not
  /// look at the reference after that. Takes no memory.
  template <class Visit>
  void for_each(Visit&& visit);

 private:
  static constexpr std::size_t kSlotsAtFirst = 64;
  static constexpr std::size_t kSlotsMax = std::size_t{1} << 20;

  struct Slot {
    wire::Seq seq = 0;
    Entry entry{};
  };

  [[gnu::noinline]] void make_room(wire::Seq seq);
  bool grow();
  [[gnu::noinline]] Entry take_overflow(wire::Seq seq);

  std::vector<Slot> slots_;
  std::uint64_t mask_;
  std::size_t slots_max_;
  std::map<wire::Seq, Entry> overflow_;
  std::size_t size_ = 0;
};

// ---------------------------------------------------------------------------------------------------------------------

// The seqs in the ring are less than its size apart, for insert and skip look at the place of every seq; the entries in the overflow
// were the oldest of the ring, one after the other.
template <class Entry>
template <class Visit>
void SeqTable<Entry>::for_each(Visit&& visit) {
  for (auto at = overflow_.begin(); at != overflow_.end();) visit((at++)->second);
  wire::Seq first = ~wire::Seq{0};
  for (const Slot& slot : slots_) {
    if (slot.entry) first = std::min(first, slot.seq);
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Entry& entry = slots_[(first + i) & mask_].entry;
    if (entry) visit(entry);
  }
}

// The place of `seq` is taken by an older entry. A ring that is too small for what is in flight grows; else the older
// one is slow, and leaves the ring; also when there is no memory for a larger one.
template <class Entry>
void SeqTable<Entry>::make_room(wire::Seq seq) {
  while (slots_[seq & mask_].entry) {
    const std::size_t in_ring = size_ - overflow_.size();
    if (slots_.size() < slots_max_ && in_ring * 2 >= slots_.size() && grow()) continue;
    Slot& slot = slots_[seq & mask_];
    overflow_.try_emplace(slot.seq, std::move(slot.entry));
    slot.entry = Entry();
  }
}

template <class Entry>
bool SeqTable<Entry>::grow() {
  std::vector<Slot> larger;
  if (!base::catching_bad_alloc([&] { larger.resize(slots_.size() * 2); })) return false;
  const std::uint64_t mask = larger.size() - 1;
  // Two entries that have different places in the smaller ring have different ones in the larger.
  for (Slot& slot : slots_) {
    if (slot.entry) larger[slot.seq & mask] = std::move(slot);
  }
  slots_ = std::move(larger);
  mask_ = mask;
  return true;
}

template <class Entry>
Entry SeqTable<Entry>::take_overflow(wire::Seq seq) {
  const auto found = overflow_.find(seq);
  if (found == overflow_.end()) return Entry();
  Entry entry = std::move(found->second);
  overflow_.erase(found);
  --size_;
  return entry;
}

}  // namespace razor::stream
