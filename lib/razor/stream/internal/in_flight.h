#pragma once
// InFlight: which call of a client has which seq. Pure.

#include "razor/base/check.h"
#include "razor/stream/internal/seq_table.h"

namespace razor::stream {

class Exchange;

class InFlight {
 public:
  /// Made for up to `expected` calls at a time; more work too, slower.
  explicit InFlight(std::uint32_t expected) : table_(expected) {}

  /// As of SeqTable.
  void insert(wire::Seq seq, Exchange& call) { table_.insert(seq) = &call; }
  void skip(wire::Seq seq) { table_.skip(seq); }
  /// Takes the call with this seq out; null when there is none.
  Exchange* take(wire::Seq seq) { return table_.take(seq); }
  bool has_before(wire::Seq seq) const { return table_.has_before(seq); }

  /// Another object stands for the call with this seq, which is in the table, from now on.
  void replace(wire::Seq seq, Exchange& call) {
    Exchange** const known = table_.find(seq);
    RAZOR_CHECK(known != nullptr, "seq={} is not in flight", seq);
    *known = &call;
  }

  std::size_t size() const { return table_.size(); }
  bool empty() const { return table_.empty(); }

  /// Calls `visit(Exchange&)` on each, in the order of their seqs; `visit` may take the call it is given, and no other.
  /// Takes no memory.
  template <class Visit>
  void for_each(Visit&& visit) {
    table_.for_each([&](Exchange* call) { visit(*call); });
  }

 private:
  SeqTable<Exchange*> table_;
};

}  // namespace razor::stream
