#pragma once
// AddressBook: the addresses of a pool: which are listed, which only errors of handlers have named, which still drain, which of
// them leads, and which one a call goes to. Pure: it is told the time, and neither connects nor sends. A template, so that
// tests have addresses without connections; in a pool, E is Endpoint.
//
//   listed    as the user gave them, in that order
//   temporary named by a redirect: for the calls that are sent there, and to lead; forgotten when unused for a while
//   draining  listed no more: what it carries goes on, and nothing new goes there. It is remembered for a minute, and revived
//             when it is listed or named again: how often it may be connected to does not begin anew
//
// Of an address E, the book uses:
//   id(), address(), health(), in_flight(), has_room(), has_connections(), has_silent_connection(), misses_connection(),
//   is_unused()
//   retire() and revive(), when it begins to drain and when that ends
//   demand(), no_more_demand(), probe(): connections are needed, or are not, or it is to be probed if it is not healthy

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "razor/pool/health.h"
#include "razor/pool/selector.h"
#include "razor/runtime/address.h"

namespace razor::pool {

template <class E>
class AddressBook {
 public:
  struct AddressEntry {
    std::unique_ptr<E> endpoint;
    bool is_temporary = false;
    base::TimePoint used_at{};
  };
  struct DrainingAddress {
    std::unique_ptr<E> endpoint;
    base::TimePoint since;
  };
  struct TemporaryLimits {
    std::uint32_t count_max;  ///< temporary addresses at a time
    base::Duration idle_max;  ///< since their last use
  };
  /// How long a draining address is remembered: as long as its attempts to connect are counted.
  static constexpr base::Duration kRememberedFor = std::chrono::minutes(1);

  AddressBook(Balance balance, std::uint64_t seed, const TemporaryLimits& temporaries)
      : selector_(balance, seed), temporaries_(temporaries) {}

  // --- What it holds
  /// Listed ones in the order of the list, behind them the temporaries.
  const std::vector<AddressEntry>& entries() const { return entries_; }
  const std::vector<DrainingAddress>& draining() const { return draining_addresses_; }
  std::size_t size() const { return entries_.size(); }
  /// Null when it is not listed, nor temporary.
  E* find(AddressId id) const;
  /// With Balance::leader; kNoAddress before the first call.
  AddressId leader() const { return selector_.leader(); }
  bool leads(const E& endpoint) const { return is_led() && endpoint.id() == selector_.leader(); }
  bool any_healthy() const;
  /// An address that calls go to without being sent there by an error is healthy and has a connection.
  bool is_connected() const;
  bool any_silent_connection() const;
  /// Something is there that `expire_temporaries` and `forget_drained` look after.
  bool needs_ticks() const;

  // --- Which addresses there are. `make(id, address)` gives a `std::unique_ptr<E>`. Errors: throws std::bad_alloc; then
  // --- everything is as before, apart from addresses that were added.
  /// These are listed from now on, in this order. One that is named twice counts once.
  template <class Make>
  void update(const std::vector<runtime::Address>& addresses, base::TimePoint now, Make&& make);
  /// The address that a redirect named; null when it would be one temporary too many.
  template <class Make>
  E* named(const runtime::Address& address, base::TimePoint now, Make&& make);
  /// Temporaries that were not used for too long begin to drain.
  void expire_temporaries(base::TimePoint now);
  /// Draining addresses that carry nothing are forgotten after `kRememberedFor`.
  void forget_drained(base::TimePoint now);
  /// Destroys all. The book is empty meanwhile.
  void clear();

  // --- Where calls go
  /// The address for a call that was sent to `target`, or failed at `avoid`; null when it has to wait. A target that is
  /// gone or not healthy is given up.
  E* choose(AddressId& target, AddressId avoid, base::TimePoint now);
  /// A healthy address with room other than `asked`, for a second attempt; null when there is none.
  E* other_than(AddressId asked, base::TimePoint now);
  /// The call at `from` was redirected to `named`, or from kNoAddress on to any other: with Balance::leader, so are the others.
  void on_redirected(AddressId from, AddressId named, base::TimePoint now);

  // --- Which addresses connect
  /// Every address that calls may go to is connected once a call comes; one without room gets another connection while calls
  /// wait. A lost connection is replaced at once, unless it was never used: servers close those, again and again.
  void demand(bool for_call, bool has_waiting);
  /// A call that has a target, or an address to avoid, may wait for an address that others do not go to.
  void demand_for(AddressId target, AddressId avoid, base::TimePoint now);

 private:
  bool is_led() const { return selector_.balance() == Balance::leader; }
  bool takes_calls(const AddressEntry& entry) const;
  AddressEntry* find(const runtime::Address& address);
  template <class Make>
  E& add(const runtime::Address& address, bool is_temporary, base::TimePoint now, Make&& make);
  void drain(std::size_t index, base::TimePoint now);
  void update_candidates(base::TimePoint now);
  E* at(std::optional<std::size_t> index) const { return index ? entries_[*index].endpoint.get() : nullptr; }

  Selector selector_;
  TemporaryLimits temporaries_;
  AddressId last_id_ = kNoAddress;
  std::vector<AddressEntry> entries_;
  std::vector<Candidate> candidates_;  // of the entries, in their order
  std::vector<DrainingAddress> draining_addresses_;
};

// --- What it holds ---------------------------------------------------------------------------------------------------

template <class E>
E* AddressBook<E>::find(AddressId id) const {
  const auto found = std::ranges::find_if(entries_, [id](const auto& entry) { return entry.endpoint->id() == id; });
  return found == entries_.end() ? nullptr : found->endpoint.get();
}

template <class E>
auto AddressBook<E>::find(const runtime::Address& address) -> AddressEntry* {
  const auto found = std::ranges::find_if(entries_, [&](const auto& entry) { return entry.endpoint->address() == address; });
  return found == entries_.end() ? nullptr : &*found;
}

template <class E>
bool AddressBook<E>::any_healthy() const {
  return std::ranges::any_of(entries_, [](const auto& entry) { return entry.endpoint->health().is_healthy(); });
}

template <class E>
bool AddressBook<E>::takes_calls(const AddressEntry& entry) const {
  if (!is_led()) return !entry.is_temporary;
  return find(selector_.leader()) == nullptr ? &entry == &entries_.front() : entry.endpoint->id() == selector_.leader();
}

template <class E>
bool AddressBook<E>::is_connected() const {
  return std::ranges::any_of(entries_, [this](const auto& entry) {
    return entry.endpoint->health().is_healthy() && entry.endpoint->has_connections() && takes_calls(entry);
  });
}

template <class E>
bool AddressBook<E>::any_silent_connection() const {
  const auto has_one = [](const auto& one) { return one.endpoint->has_silent_connection(); };
  return std::ranges::any_of(entries_, has_one) || std::ranges::any_of(draining_addresses_, has_one);
}

template <class E>
bool AddressBook<E>::needs_ticks() const {
  return !draining_addresses_.empty() ||
         std::ranges::any_of(entries_, [](const auto& entry) { return entry.is_temporary || !entry.endpoint->is_unused(); });
}

// --- Which addresses there are ---------------------------------------------------------------------------------------

// Memory is taken before anything changes, also what draining it will need.
template <class E>
template <class Make>
E& AddressBook<E>::add(const runtime::Address& address, bool is_temporary, base::TimePoint now, Make&& make) {
  entries_.reserve(entries_.size() + 1);
  candidates_.reserve(entries_.size() + 1);
  draining_addresses_.reserve(draining_addresses_.size() + entries_.size() + 1);
  AddressEntry entry;
  const auto is_it = [&address](const auto& draining) { return draining.endpoint->address() == address; };
  if (const auto found = std::ranges::find_if(draining_addresses_, is_it); found != draining_addresses_.end()) {
    entry.endpoint = std::move(found->endpoint);
    draining_addresses_.erase(found);
    entry.endpoint->revive();
  } else {
    entry.endpoint = make(++last_id_, address);
  }
  entry.is_temporary = is_temporary;
  entry.used_at = now;
  candidates_.push_back(Candidate{.id = entry.endpoint->id()});
  entries_.push_back(std::move(entry));
  return *entries_.back().endpoint;
}

template <class E>
void AddressBook<E>::drain(std::size_t index, base::TimePoint now) {
  entries_[index].endpoint->retire();
  draining_addresses_.push_back({std::move(entries_[index].endpoint), now});
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(index));
  candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(index));
}

template <class E>
template <class Make>
void AddressBook<E>::update(const std::vector<runtime::Address>& addresses, base::TimePoint now, Make&& make) {
  for (const runtime::Address& address : addresses) {
    if (find(address) == nullptr) add(address, false, now, make);
  }
  for (std::size_t i = entries_.size(); i-- > 0;) {
    AddressEntry& entry = entries_[i];
    const bool is_listed = std::ranges::find(addresses, entry.endpoint->address()) != addresses.end();
    if (is_listed) {
      entry.is_temporary = false;
    } else if (!entry.is_temporary) {
      drain(i, now);
    }
  }
  const auto rank = [&](const AddressEntry& entry) {
    return std::ranges::find(addresses, entry.endpoint->address()) - addresses.begin();
  };
  std::ranges::sort(entries_, {}, rank);
  for (std::size_t i = 0; i < entries_.size(); ++i) candidates_[i] = Candidate{.id = entries_[i].endpoint->id()};
}

template <class E>
template <class Make>
E* AddressBook<E>::named(const runtime::Address& address, base::TimePoint now, Make&& make) {
  if (AddressEntry* entry = find(address)) {
    entry->used_at = now;
    return entry->endpoint.get();
  }
  const auto temporaries = std::ranges::count_if(entries_, &AddressEntry::is_temporary);
  if (temporaries >= static_cast<std::ptrdiff_t>(temporaries_.count_max)) return nullptr;
  return &add(address, true, now, make);
}

template <class E>
void AddressBook<E>::expire_temporaries(base::TimePoint now) {
  for (std::size_t i = entries_.size(); i-- > 0;) {
    AddressEntry& entry = entries_[i];
    if (entry.endpoint->in_flight() > 0 || entry.endpoint->id() == selector_.leader()) entry.used_at = now;
    if (entry.is_temporary && now - entry.used_at >= temporaries_.idle_max) drain(i, now);
  }
}

template <class E>
void AddressBook<E>::forget_drained(base::TimePoint now) {
  std::erase_if(draining_addresses_, [now](const DrainingAddress& draining) {
    return draining.endpoint->is_unused() && now - draining.since >= kRememberedFor;
  });
}

template <class E>
void AddressBook<E>::clear() {
  candidates_.clear();
  const std::vector<AddressEntry> entries = std::move(entries_);
  const std::vector<DrainingAddress> draining = std::move(draining_addresses_);
}

// --- Where calls go --------------------------------------------------------------------------------------------------

template <class E>
void AddressBook<E>::update_candidates(base::TimePoint now) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const E& endpoint = *entries_[i].endpoint;
    Candidate& candidate = candidates_[i];
    candidate.healthy = endpoint.health().is_healthy() && (!entries_[i].is_temporary || endpoint.id() == selector_.leader());
    candidate.has_room = candidate.healthy && endpoint.has_room();
    candidate.weight = endpoint.health().weight(now);
    candidate.in_flight = endpoint.in_flight();
  }
}

template <class E>
E* AddressBook<E>::choose(AddressId& target, AddressId avoid, base::TimePoint now) {
  if (target != kNoAddress) {
    E* endpoint = find(target);
    if (endpoint != nullptr && endpoint->health().is_healthy()) return endpoint->has_room() ? endpoint : nullptr;
    target = kNoAddress;  // any other may know better
  }
  if (entries_.size() == 1) {
    E& only = *entries_.front().endpoint;
    return only.health().is_healthy() ? &only : nullptr;
  }
  update_candidates(now);
  return at(selector_.pick(candidates_, avoid));
}

template <class E>
E* AddressBook<E>::other_than(AddressId asked, base::TimePoint now) {
  update_candidates(now);
  E* other = at(selector_.pick(candidates_, asked));
  return other == nullptr || other->id() == asked ? nullptr : other;
}

template <class E>
void AddressBook<E>::on_redirected(AddressId from, AddressId named, base::TimePoint now) {
  if (!is_led()) return;
  if (named != kNoAddress) {
    selector_.set_leader(named);
  } else if (selector_.leader() == from) {
    update_candidates(now);
    selector_.next_leader(candidates_);
  }
}

// --- Which addresses connect -----------------------------------------------------------------------------------------

template <class E>
void AddressBook<E>::demand(bool for_call, bool has_waiting) {
  for (const AddressEntry& entry : entries_) {
    E& endpoint = *entry.endpoint;
    if (!endpoint.health().is_healthy()) {
      endpoint.probe();
    } else if (!takes_calls(entry)) {
      endpoint.no_more_demand();
    } else if ((!endpoint.has_connections() && (for_call || endpoint.misses_connection())) ||
               (has_waiting && !endpoint.has_room())) {
      endpoint.demand();
    } else {
      endpoint.no_more_demand();
    }
  }
}

template <class E>
void AddressBook<E>::demand_for(AddressId target, AddressId avoid, base::TimePoint now) {
  E* endpoint = nullptr;
  if (target != kNoAddress) {
    endpoint = find(target);
  } else if (is_led() && avoid != kNoAddress) {
    update_candidates(now);
    endpoint = at(selector_.wanted(candidates_, avoid));
  }
  if (endpoint != nullptr && endpoint->id() != avoid) endpoint->demand();
}

}  // namespace razor::pool
