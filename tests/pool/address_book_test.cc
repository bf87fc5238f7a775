// AddressBook against a list of names. One that forgets an address too early loses what is known of it, and cuts off what it
// carries; one that never forgets grows; one that sends calls to an address that is down, full, or only there for others, loses
// them; and one that mixes up its two lists gives an address the turns of another.

#include "razor/pool/internal/address_book.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <vector>

#include "tests/support/pick.h"

namespace razor::pool {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;
using runtime::Address;
using test::one_in;
using test::pick;
using test::pick_of;

// An address without connections.
class FakeEndpoint {
 public:
  enum class Asked { nothing, demand, no_more_demand, probe };

  FakeEndpoint(AddressId its_id, Address its_address) : id_(its_id), address_(std::move(its_address)) {}

  AddressId id() const { return id_; }
  const Address& address() const { return address_; }
  const Health& health() const { return health_; }
  std::uint32_t in_flight() const { return in_flight_now; }
  bool has_room() const { return room; }
  bool has_connections() const { return connected; }
  bool has_silent_connection() const { return silent; }
  bool misses_connection() const { return misses; }
  bool is_unused() const { return !connected; }
  void retire() { retired = true; }
  void revive() { retired = false; }
  void demand() { asked = Asked::demand; }
  void no_more_demand() { asked = Asked::no_more_demand; }
  void probe() { asked = Asked::probe; }

  void set_healthy(bool is_healthy) {
    health_ = Health(HealthConfig{});
    if (!is_healthy) health_.on_connection_lost(TimePoint());
  }

  bool room = true;
  bool connected = false;
  bool silent = false;
  bool misses = false;
  bool retired = false;
  std::uint32_t in_flight_now = 0;
  Asked asked = Asked::nothing;

 private:
  AddressId id_;
  Address address_;
  Health health_{HealthConfig{}};
};

using Asked = FakeEndpoint::Asked;
using Book = AddressBook<FakeEndpoint>;

Address address_of(char name) { return Address::tcp(std::string(1, name), 7000); }
char name_of(const FakeEndpoint& endpoint) { return endpoint.address().host().front(); }

std::unique_ptr<FakeEndpoint> make(AddressId id, const Address& address) {
  return std::make_unique<FakeEndpoint>(id, address);
}

std::vector<Address> addresses_of(const std::string& names) {
  std::vector<Address> all;
  for (const char name : names) all.push_back(address_of(name));
  return all;
}

// "abX": a and b are listed, x is temporary.
std::string text_of(const Book& book) {
  std::string text;
  for (const auto& entry : book.entries()) {
    const char name = name_of(*entry.endpoint);
    text += entry.is_temporary ? static_cast<char>(name - 'a' + 'A') : name;
  }
  return text;
}

std::string draining_text(const Book& book) {
  std::string text;
  for (const auto& draining : book.draining()) text += name_of(*draining.endpoint);
  return text;
}

// --- By example ------------------------------------------------------------------------------------------------------

class AddressBookTest : public testing::Test {
 protected:
  explicit AddressBookTest(Balance balance = Balance::round_robin) : book_(balance, 1, {2, 60s}) {}

  void list(const std::string& names) { book_.update(addresses_of(names), now_, make); }
  FakeEndpoint* named(char name) { return book_.named(address_of(name), now_, make); }
  FakeEndpoint& at(char name) const {
    for (const auto& entry : book_.entries()) {
      if (name_of(*entry.endpoint) == name) return *entry.endpoint;
    }
    for (const auto& draining : book_.draining()) {
      if (name_of(*draining.endpoint) == name) return *draining.endpoint;
    }
    throw std::runtime_error(std::string("no ") + name);
  }
  // Which address gets a call; '-' when it has to wait.
  char chosen(AddressId avoid = kNoAddress, AddressId target = kNoAddress) {
    const FakeEndpoint* endpoint = book_.choose(target, avoid, now_);
    return endpoint == nullptr ? '-' : name_of(*endpoint);
  }
  std::set<char> chosen_of_many() {
    std::set<char> names;
    for (int i = 0; i < 20; ++i) names.insert(chosen());
    return names;
  }

  TimePoint now_{1h};
  Book book_;
};

class LedAddressBookTest : public AddressBookTest {
 protected:
  LedAddressBookTest() : AddressBookTest(Balance::leader) {}
};

TEST_F(AddressBookTest, AnUpdateKeepsAddressesThatStayAndTakesTheOrderOfTheList) {
  list("abca");
  EXPECT_EQ(text_of(book_), "abc");
  FakeEndpoint& b = at('b');
  list("dcb");
  EXPECT_EQ(text_of(book_), "dcb");
  EXPECT_EQ(&at('b'), &b);
  EXPECT_EQ(book_.find(b.id()), &b);
  EXPECT_EQ(draining_text(book_), "a");
  EXPECT_TRUE(at('a').retired);
  EXPECT_EQ(book_.find(at('a').id()), nullptr);
}

TEST_F(AddressBookTest, ADrainingAddressIsRevivedWithWhatIsKnownOfIt) {
  list("ab");
  FakeEndpoint& a = at('a');
  list("b");
  list("ba");
  EXPECT_EQ(&at('a'), &a);
  EXPECT_FALSE(a.retired);
  EXPECT_EQ(draining_text(book_), "");
}

TEST_F(AddressBookTest, ADrainingAddressIsForgottenAfterAMinuteUnlessItCarriesSomething) {
  list("ab");
  at('b').connected = true;
  list("");
  now_ += 1min - 1ns;
  book_.forget_drained(now_);
  EXPECT_EQ(draining_text(book_), "ba");
  now_ += 1ns;
  book_.forget_drained(now_);
  EXPECT_EQ(draining_text(book_), "b");
  EXPECT_TRUE(book_.needs_ticks());
  at('b').connected = false;
  book_.forget_drained(now_);
  EXPECT_FALSE(book_.needs_ticks());
}

TEST_F(AddressBookTest, SoManyTemporariesAreKnownAtATimeAndEachUntilItIsUnusedForAWhile) {
  list("a");
  EXPECT_EQ(named('a'), &at('a')) << "it is listed";
  ASSERT_NE(named('x'), nullptr);
  now_ += 1s;
  ASSERT_NE(named('y'), nullptr);
  EXPECT_EQ(named('z'), nullptr);
  EXPECT_EQ(text_of(book_), "aXY");
  now_ += 59s;
  book_.expire_temporaries(now_);
  EXPECT_EQ(text_of(book_), "aY");
  EXPECT_EQ(draining_text(book_), "x");
  now_ += 500ms;
  at('y').in_flight_now = 1;
  book_.expire_temporaries(now_);
  at('y').in_flight_now = 0;
  now_ += 59s;
  EXPECT_EQ(named('y'), &at('y'));
  now_ += 59s;
  book_.expire_temporaries(now_);
  EXPECT_EQ(text_of(book_), "aY") << "it was used, and named again";
  now_ += 1s;
  book_.expire_temporaries(now_);
  EXPECT_EQ(text_of(book_), "a");
}

TEST_F(AddressBookTest, ATemporaryThatIsListedIsNoTemporaryAnyMore) {
  list("a");
  named('x');
  list("a");
  EXPECT_EQ(text_of(book_), "aX") << "an update does not concern it";
  list("xa");
  EXPECT_EQ(text_of(book_), "xa");
  now_ += 1h;
  book_.expire_temporaries(now_);
  EXPECT_EQ(text_of(book_), "xa");
}

TEST_F(AddressBookTest, OnlyCallsThatAreSentThereGoToATemporary) {
  list("ab");
  const FakeEndpoint& x = *named('x');
  EXPECT_EQ(chosen_of_many(), (std::set{'a', 'b'}));
  EXPECT_EQ(chosen(kNoAddress, x.id()), 'x');
}

TEST_F(AddressBookTest, ACallWaitsForRoomAtItsTargetAndGivesUpOneThatIsGoneOrNotHealthy) {
  list("ab");
  AddressId target = at('b').id();
  at('b').room = false;
  EXPECT_EQ(book_.choose(target, kNoAddress, now_), nullptr);
  EXPECT_EQ(target, at('b').id());
  at('b').set_healthy(false);
  EXPECT_EQ(book_.choose(target, kNoAddress, now_), &at('a'));
  EXPECT_EQ(target, kNoAddress);
  EXPECT_EQ(chosen(kNoAddress, 77), 'a');
}

TEST_F(AddressBookTest, TheOnlyAddressIsChosenWhileItIsHealthy) {
  EXPECT_EQ(chosen(), '-');
  list("a");
  EXPECT_EQ(chosen(at('a').id()), 'a') << "also where the call failed";
  at('a').set_healthy(false);
  EXPECT_EQ(chosen(), '-');
}

TEST_F(AddressBookTest, ASecondAttemptGoesToAnotherAddressOrNowhere) {
  list("ab");
  EXPECT_EQ(book_.other_than(at('a').id(), now_), &at('b'));
  at('b').set_healthy(false);
  EXPECT_EQ(book_.other_than(at('a').id(), now_), nullptr);
}

TEST_F(LedAddressBookTest, ARedirectMovesTheLeadAlsoToATemporary) {
  list("abc");
  EXPECT_EQ(chosen(), 'a');
  const FakeEndpoint& x = *named('x');
  book_.on_redirected(at('a').id(), x.id(), now_);
  EXPECT_TRUE(book_.leads(x));
  EXPECT_EQ(chosen(), 'x');
  now_ += 1h;
  book_.expire_temporaries(now_);
  EXPECT_EQ(text_of(book_), "abcX") << "the leader is in use";
}

TEST_F(LedAddressBookTest, ARedirectToNoParticularAddressMovesTheLeadOnlyFromTheLeader) {
  list("abc");
  EXPECT_EQ(chosen(), 'a');
  book_.on_redirected(at('b').id(), kNoAddress, now_);
  EXPECT_EQ(chosen(), 'a');
  book_.on_redirected(at('a').id(), kNoAddress, now_);
  EXPECT_EQ(chosen(), 'b');
}

TEST_F(AddressBookTest, WithoutALeaderARedirectConcernsItsCallAlone) {
  list("ab");
  book_.on_redirected(at('a').id(), at('b').id(), now_);
  EXPECT_EQ(book_.leader(), kNoAddress);
  EXPECT_FALSE(book_.leads(at('b')));
}

TEST_F(AddressBookTest, AllListedAddressesAreConnectedForCallsAndProbedWhenNotHealthy) {
  list("abcd");
  named('x');
  at('b').set_healthy(false);
  at('c').connected = true;
  at('d').connected = true;
  at('d').room = false;
  book_.demand(true, true);
  EXPECT_EQ(at('a').asked, Asked::demand);
  EXPECT_EQ(at('b').asked, Asked::probe);
  EXPECT_EQ(at('c').asked, Asked::no_more_demand);
  EXPECT_EQ(at('d').asked, Asked::demand) << "calls wait, and it has no room";
  EXPECT_EQ(at('x').asked, Asked::no_more_demand);
  book_.demand(false, false);
  EXPECT_EQ(at('a').asked, Asked::no_more_demand) << "nobody calls, and it was not used";
  EXPECT_EQ(at('d').asked, Asked::no_more_demand);
  at('a').misses = true;
  book_.demand(false, false);
  EXPECT_EQ(at('a').asked, Asked::demand);
}

TEST_F(LedAddressBookTest, OnlyTheLeaderIsConnectedAndBeforeThereIsOneTheFirst) {
  list("ab");
  book_.demand(true, false);
  EXPECT_EQ(at('a').asked, Asked::demand);
  EXPECT_EQ(at('b').asked, Asked::no_more_demand);
  book_.on_redirected(at('a').id(), at('b').id(), now_);
  book_.demand(true, false);
  EXPECT_EQ(at('a').asked, Asked::no_more_demand);
  EXPECT_EQ(at('b').asked, Asked::demand);
}

TEST_F(LedAddressBookTest, ACallWithWishesOfItsOwnHasTheAddressConnectedThatItWaitsFor) {
  list("abc");
  EXPECT_EQ(chosen(), 'a');
  book_.demand_for(at('c').id(), kNoAddress, now_);
  EXPECT_EQ(at('c').asked, Asked::demand);
  book_.demand_for(kNoAddress, at('a').id(), now_);
  EXPECT_EQ(at('b').asked, Asked::demand);
  EXPECT_EQ(at('a').asked, Asked::nothing);
  book_.demand_for(at('a').id(), at('a').id(), now_);
  EXPECT_EQ(at('a').asked, Asked::nothing) << "it failed there";
}

TEST_F(AddressBookTest, IsConnectedByAHealthyAddressThatTakesCalls) {
  list("ab");
  named('x')->connected = true;
  EXPECT_FALSE(book_.is_connected());
  at('b').connected = true;
  EXPECT_TRUE(book_.is_connected());
  at('b').set_healthy(false);
  EXPECT_FALSE(book_.is_connected());
}

TEST_F(AddressBookTest, ASilentConnectionCountsAlsoWhereItDrains) {
  list("ab");
  at('a').silent = true;
  EXPECT_TRUE(book_.any_silent_connection());
  list("b");
  EXPECT_TRUE(book_.any_silent_connection());
  at('a').silent = false;
  EXPECT_FALSE(book_.any_silent_connection());
}

// --- Model -----------------------------------------------------------------------------------------------------------

// Names, and what a reader would write beside each.
struct BookAndModel {
  static constexpr std::size_t kTemporariesMax = 2;
  static constexpr Duration kIdleMax = 30s;
  static constexpr std::string_view kNames = "abcdef";

  struct Known {
    AddressId id = kNoAddress;
    bool is_temporary = false;
    TimePoint used_at;
    // Of the FakeEndpoint
    bool healthy = true;
    bool room = true;
    bool connected = false;
    std::uint32_t in_flight = 0;
  };
  struct Draining {
    Known known;
    TimePoint since;
  };

  // --- The model
  bool is_known(char name) const { return known.contains(name); }
  std::size_t temporaries() const {
    return static_cast<std::size_t>(std::ranges::count_if(known, [](const auto& one) { return one.second.is_temporary; }));
  }
  void appears(char name, bool is_temporary) {
    Known one;
    if (const auto found = draining.find(name); found != draining.end()) {
      one = found->second.known;
      draining.erase(found);
    } else {
      one.id = ++last_id;
    }
    one.is_temporary = is_temporary;
    one.used_at = now;
    known[name] = one;
    if (is_temporary) order.push_back(name);  // `update` gives the listed ones their places
  }
  void drains(char name) {
    draining[name] = {known.at(name), now};
    known.erase(name);
    std::erase(order, name);
  }
  bool leads(char name) const { return is_led && known.at(name).id == leader; }
  // May take a call that is not sent to it.
  bool is_candidate(char name) const {
    const Known& one = known.at(name);
    return one.healthy && (!one.is_temporary || one.id == leader);
  }
  bool takes_calls(char name) const {
    if (!is_led) return !known.at(name).is_temporary;
    const bool has_leader = std::ranges::any_of(known, [this](const auto& one) { return one.second.id == leader; });
    return has_leader ? known.at(name).id == leader : order.front() == name;
  }

  // --- Both
  FakeEndpoint& fake(char name) {
    for (const auto& entry : book.entries()) {
      if (name_of(*entry.endpoint) == name) return *entry.endpoint;
    }
    for (const auto& one : book.draining()) {
      if (name_of(*one.endpoint) == name) return *one.endpoint;
    }
    RC_FAIL("an address is missing");
  }
  char any_name() const { return kNames[pick<std::size_t>(0, kNames.size())]; }
  AddressId any_id() const { return pick<AddressId>(0, last_id + 2); }

  void update() {
    std::string names;
    for (int i = pick(0, 6); i > 0; --i) names += any_name();
    book.update(addresses_of(names), now, make);
    std::string listed;
    for (const char name : names) {
      if (listed.find(name) == std::string::npos) listed += name;
    }
    for (const char name : listed) {
      if (!is_known(name)) {
        appears(name, false);
      } else {
        known.at(name).is_temporary = false;
      }
    }
    for (const char name : kNames) {
      if (is_known(name) && !known.at(name).is_temporary && listed.find(name) == std::string::npos) drains(name);
    }
    std::erase_if(order, [&](char name) { return listed.find(name) != std::string::npos; });
    order.insert(order.begin(), listed.begin(), listed.end());
  }

  void name_one() {
    const char name = any_name();
    const bool may_appear = is_known(name) || temporaries() < kTemporariesMax;
    const FakeEndpoint* endpoint = book.named(address_of(name), now, make);
    RC_ASSERT((endpoint != nullptr) == may_appear);
    if (!may_appear) return;
    if (is_known(name)) {
      known.at(name).used_at = now;
    } else {
      appears(name, true);
    }
    RC_ASSERT(endpoint->id() == known.at(name).id);
  }

  void expire_temporaries() {
    book.expire_temporaries(now);
    for (const char name : kNames) {
      if (!is_known(name)) continue;
      Known& one = known.at(name);
      if (one.in_flight > 0 || one.id == leader) one.used_at = now;
      if (one.is_temporary && now - one.used_at >= kIdleMax) drains(name);
    }
  }

  void forget_drained() {
    book.forget_drained(now);
    std::erase_if(draining,
                  [this](const auto& one) { return !one.second.known.connected && now - one.second.since >= 60s; });
  }

  void address_changes() {
    const char name = any_name();
    if (!is_known(name) && !draining.contains(name)) return;
    Known& one = is_known(name) ? known.at(name) : draining.at(name).known;
    FakeEndpoint& endpoint = fake(name);
    switch (pick(0, 4)) {
      case 0: endpoint.set_healthy(one.healthy = one_in(2)); break;
      case 1: endpoint.room = one.room = one_in(2); break;
      case 2: endpoint.connected = one.connected = one_in(2); break;
      default: endpoint.in_flight_now = one.in_flight = pick(0u, 3u);
    }
  }

  void choose() {
    const AddressId wanted = one_in(2) ? kNoAddress : any_id();
    const AddressId avoid = one_in(2) ? kNoAddress : any_id();
    AddressId target = wanted;
    const FakeEndpoint* chosen = book.choose(target, avoid, now);
    const auto asked = std::ranges::find_if(known, [&](const auto& one) { return one.second.id == wanted; });
    if (asked != known.end() && asked->second.healthy) {
      RC_ASSERT(target == wanted);
      RC_ASSERT((chosen != nullptr) == asked->second.room);
      if (chosen != nullptr) RC_ASSERT(chosen->id() == wanted);
      return;
    }
    RC_ASSERT(target == kNoAddress);
    leader = book.leader();  // who leads is the Selector's business, which has a model of its own
    if (known.size() == 1) {
      RC_ASSERT((chosen != nullptr) == known.begin()->second.healthy);
      return;
    }
    check_is_pick(chosen, avoid);
  }

  void other_than() {
    const AddressId asked = any_id();
    const FakeEndpoint* other = book.other_than(asked, now);
    leader = book.leader();
    if (other == nullptr) return;
    RC_ASSERT(other->id() != asked);
    check_is_pick(other, asked);
  }

  // `chosen` may get a call that failed at `avoid`.
  void check_is_pick(const FakeEndpoint* chosen, AddressId avoid) {
    const auto may_take = [&](char name, bool also_avoided) {
      return is_candidate(name) && (also_avoided || known.at(name).id != avoid);
    };
    const bool others = std::ranges::any_of(order, [&](char name) { return may_take(name, false); });
    const auto fits = [&](char name) { return may_take(name, !others) && known.at(name).room; };
    if (chosen == nullptr) {
      if (!is_led) RC_ASSERT(std::ranges::none_of(order, fits));
      return;
    }
    RC_ASSERT(is_known(name_of(*chosen)));
    RC_ASSERT(fits(name_of(*chosen)));
  }

  void redirect() {
    const AddressId from = any_id();
    const char to = any_name();
    const AddressId named = is_known(to) && one_in(2) ? known.at(to).id : kNoAddress;
    const AddressId before = leader;
    book.on_redirected(from, named, now);
    leader = book.leader();
    if (!is_led || (named == kNoAddress && before != from)) RC_ASSERT(leader == before);
    if (is_led && named != kNoAddress) RC_ASSERT(leader == named);
    if (leader == before || named != kNoAddress) return;
    RC_ASSERT(std::ranges::any_of(order, [&](char name) { return known.at(name).id == leader && known.at(name).healthy; }));
  }

  void demand() {
    const bool for_call = one_in(2);
    const bool has_waiting = one_in(2);
    for (const char name : order) fake(name).asked = Asked::nothing;
    book.demand(for_call, has_waiting);
    for (const char name : order) {
      const Known& one = known.at(name);
      Asked expected = Asked::no_more_demand;
      if (takes_calls(name) && !one.connected && for_call) expected = Asked::demand;
      if (takes_calls(name) && !one.room && has_waiting) expected = Asked::demand;
      if (!one.healthy) expected = Asked::probe;
      RC_ASSERT(fake(name).asked == expected);
    }
  }

  void step() {
    switch (pick(0, 14)) {
      case 0: update(); break;
      case 1:
      case 2: name_one(); break;
      case 3: expire_temporaries(); break;
      case 4: forget_drained(); break;
      case 5: now += pick_of({1s, 10s, 30s, 60s}); break;
      case 6: redirect(); break;
      case 7: demand(); break;
      case 8: other_than(); break;
      case 9:
      case 10: choose(); break;
      default: address_changes();
    }
  }

  void compare() {
    RC_ASSERT(book.size() == order.size());
    const std::size_t listed = order.size() - temporaries();
    std::set<char> rest_expected;
    std::set<char> rest;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto& entry = book.entries()[i];
      const char name = name_of(*entry.endpoint);
      RC_ASSERT(is_known(name));
      RC_ASSERT(entry.is_temporary == known.at(name).is_temporary);
      RC_ASSERT(entry.endpoint->id() == known.at(name).id);
      RC_ASSERT(book.find(known.at(name).id) == entry.endpoint.get());
      RC_ASSERT(!entry.endpoint->retired);
      RC_ASSERT(book.leads(*entry.endpoint) == leads(name));
      if (i < listed) RC_ASSERT(name == order[i]);
      if (i < listed) continue;
      rest.insert(name);
      rest_expected.insert(order[i]);
    }
    RC_ASSERT(rest == rest_expected);
    RC_ASSERT(book.draining().size() == draining.size());
    for (const auto& one : book.draining()) {
      RC_ASSERT(draining.contains(name_of(*one.endpoint)));
      RC_ASSERT(one.endpoint->id() == draining.at(name_of(*one.endpoint)).known.id);
      RC_ASSERT(one.endpoint->retired);
      RC_ASSERT(book.find(one.endpoint->id()) == nullptr);
    }
    const auto any = [this](auto&& fits) { return std::ranges::any_of(order, fits); };
    RC_ASSERT(book.any_healthy() == any([this](char name) { return known.at(name).healthy; }));
    RC_ASSERT(book.is_connected() ==
              any([this](char name) { return known.at(name).healthy && known.at(name).connected && takes_calls(name); }));
    RC_ASSERT(book.needs_ticks() == (!draining.empty() || any([this](char name) {
                return known.at(name).is_temporary || known.at(name).connected;
              })));
  }

  explicit BookAndModel(Balance balance)
      : is_led(balance == Balance::leader), book(balance, pick<std::uint64_t>(0, 1000), {kTemporariesMax, kIdleMax}) {}

  bool is_led;
  TimePoint now{1h};
  AddressId last_id = kNoAddress;
  AddressId leader = kNoAddress;
  std::map<char, Known> known;
  std::vector<char> order;  // listed ones first
  std::map<char, Draining> draining;
  Book book;
};

RC_GTEST_PROP(AddressBook, DoesAsTheModel, ()) {
  for (int script = 0; script < 20; ++script) {
    BookAndModel both(pick_of({Balance::round_robin, Balance::leader, Balance::least_in_flight}));
    const int steps = pick(0, 80);
    for (int i = 0; i < steps; ++i) {
      both.step();
      both.compare();
    }
  }
}

}  // namespace
}  // namespace razor::pool
