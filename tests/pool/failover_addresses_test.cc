// What becomes of calls and connections when the addresses of a FailoverPool are other ones from now on.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

class AddressesTest : public FailoverPoolTest {
 protected:
  AddressesTest() : FailoverPoolTest(3) {}
  std::vector<Address> addresses(std::initializer_list<std::size_t> indices) {
    std::vector<Address> listed;
    for (const std::size_t index : indices) listed.push_back(servers[index].address());
    return listed;
  }
  void update(std::initializer_list<std::size_t> indices) { pool().update_addresses(addresses(indices)); }
};

TEST_F(AddressesTest, AnAddressThatIsRemovedFinishesWhatItCarriesAndGetsNothingNew) {
  connect_all();
  const std::vector<Asked> carried = once_each(3, 1000);
  run_for(100ms);
  for (TestServer& server : servers) EXPECT_EQ(server.running, 1);
  update({1, 2});
  const std::vector<Asked> later = once_each(10);
  finish(later);
  EXPECT_EQ(servers[0].runs.size(), 1u);
  EXPECT_GT(servers[0].host.connection_count(), 0u);  // it still owes an answer
  finish(carried);
  for (const Asked& call : carried) EXPECT_EQ(call.text().substr(0, 14), "done by server");
  run_for(100ms);
  EXPECT_EQ(servers[0].host.connection_count(), 0u);
  EXPECT_EQ(state().addresses.size(), 2u);
}

TEST_F(AddressesTest, AddressesThatStayKeepTheirConnections) {
  connect_all();
  const std::uint64_t connects = stats().connects;
  update({2, 1, 0});
  finish(once_each(30));
  EXPECT_EQ(stats().connects, connects);
  for (TestServer& server : servers) EXPECT_EQ(server.runs.size(), 10u);
}

TEST_F(AddressesTest, ANewAddressGetsItsShare) {
  pool().update_addresses(addresses({0, 1}));
  connect_all();
  EXPECT_EQ(servers[2].host.connection_count(), 0u);
  update({0, 1, 2});
  run_for(100ms);  // it is connected without a call that waits for it
  finish(once_each(30));
  for (TestServer& server : servers) EXPECT_EQ(server.runs.size(), 10u);
}

TEST_F(AddressesTest, AnAddressThatIsListedTwiceCountsOnce) {
  update({0, 0, 1, 0});
  EXPECT_EQ(state().addresses.size(), 2u);
  connect_all();
  finish(once_each(20));
  EXPECT_EQ(servers[0].runs.size(), 10u);
  EXPECT_EQ(servers[1].runs.size(), 10u);
}

TEST_F(AddressesTest, TheFirstOfTheListLeads) {
  config.balance = Balance::leader;
  update({2, 0, 1});
  const Asked call = once();
  finish(call);
  EXPECT_EQ(call.text(), "done by server 2");
}

TEST_F(AddressesTest, TheLeaderStaysWhenItIsListedElsewhere) {
  config.balance = Balance::leader;
  finish(once());
  update({1, 2, 0});
  const Asked call = once();
  finish(call);
  EXPECT_EQ(call.text(), "done by server 0");
}

TEST_F(AddressesTest, WhenTheLeaderIsRemovedTheOneInItsPlaceLeads) {
  config.balance = Balance::leader;
  finish(once());
  update({2, 1});
  const Asked call = once();
  finish(call);
  EXPECT_EQ(call.text(), "done by server 2");
}

TEST_F(AddressesTest, WithoutAddressesCallsWaitForOne) {
  update({});
  const Asked call = once();
  run_for(5s);
  EXPECT_EQ(call.text(), "under way");
  update({1});
  finish(call);
  EXPECT_EQ(call.text(), "done by server 1");
}

TEST_F(AddressesTest, WithoutAddressesCallsTimeOut) {
  update({});
  const Asked call = once(0, {.timeout = 2s});
  finish(call);
  EXPECT_EQ(call.text(), "deadline_exceeded, ran: no");
  expect_in_time(call, 2s);
}

TEST_F(AddressesTest, WithoutAddressesCallsFailAtOnceWithFailFast) {
  limits().fail_fast = true;
  update({});
  const Asked call = once();
  finish(call);
  EXPECT_EQ(call.text(), "unreachable, ran: no");
  EXPECT_EQ(call.took(), 0s);
}

TEST_F(AddressesTest, ACallThatWaitsForAnAddressThatIsRemovedGoesToAnother) {
  update({0});
  servers[0].crash();
  const Asked call = once();
  run_for(500ms);
  EXPECT_EQ(call.text(), "under way");
  update({1});
  finish(call);
  EXPECT_EQ(call.text(), "done by server 1");
}

TEST_F(AddressesTest, ARetryLeavesAnAddressThatWasRemoved) {
  limits().retry.backoff_min = limits().retry.backoff_max = 1s;
  update({0});
  connect_all();
  servers[0].dies_on_calls = true;
  const Asked call = often();
  run_for(10ms);
  update({1});
  finish(call);
  EXPECT_EQ(call.text(), "done by server 1");
  EXPECT_EQ(servers[0].runs.size(), 1u);
}

TEST_F(AddressesTest, AnAddressThatComesBackIsUsedAgain) {
  connect_all();
  update({1, 2});
  run_for(1s);
  update({0, 1, 2});
  run_for(1s);
  finish(once_each(30));
  for (TestServer& server : servers) EXPECT_EQ(server.runs.size(), 10u);
}

// CONTRACT 30: taking an address out and in again does not begin a new minute.
TEST_F(AddressesTest, UpdatesDoNotRaiseTheRateOfConnecting) {
  servers[0].kill();
  update({0});
  once(0, {.timeout = 10min});
  run_for(10ms);
  base::Duration next{};
  std::uint64_t connects = 0;
  for (; next < 1min; next += 100ms) {
    update({});
    connects = std::max(connects, stats().connects);
    update({0});
    run_for(100ms);
  }
  EXPECT_LE(stats().connects, limits().connects_per_minute_max);
}

TEST_F(AddressesTest, AnUpdateOfAClosedPoolDoesNothing) {
  finish(once());
  const auto closing = close(1s);
  run_for(100ms);
  EXPECT_TRUE(closing->done);
  update({0, 1, 2});
  run_for(10s);
  EXPECT_EQ(client_host().connection_count(), 0u);
}

TEST_F(AddressesTest, ACompletionMayUpdateTheAddresses) {
  connect_all();
  const Asked call = note();
  client().once.start(
      [this, call](const Reply<int>& reply) {
        call(reply);
        update({1});
      },
      call.id(), 0);
  run_for(100ms);
  const std::vector<Asked> later = once_each(4);
  finish(later);
  for (const Asked& one : later) EXPECT_EQ(one.text(), "done by server 1");
}

}  // namespace
}  // namespace razor::test
