// Errors of handlers that send calls elsewhere: who is asked next, how often, and what the caller gets when nobody knows.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

class RedirectTest : public FailoverPoolTest {
 protected:
  RedirectTest() { lead(0); }
  /// The others know.
  void lead(std::size_t leader) {
    for (std::size_t i = 0; i < servers.size(); ++i) {
      servers[i].leads = i == leader;
      servers[i].names = i == leader ? "" : servers[leader].address().to_string();
    }
  }
  /// The addresses that the pool was told of at its making.
  std::vector<Address> listed() const override { return {servers[0].address(), servers[1].address()}; }
  std::vector<std::string> known() {
    std::vector<std::string> all;
    for (const AddressState& one : state().addresses) all.push_back(one.address.host());
    return all;
  }
};

TEST_F(RedirectTest, ACallGoesToTheServerThatAnErrorNames) {
  connect_all();
  lead(1);
  for (int i = 0; i < 10; ++i) {
    const Asked call = led();
    finish(call);
    EXPECT_EQ(call.text(), "done by server 1");
  }
  EXPECT_EQ(servers[0].asked_to_lead, 5);  // round robin asks both
  EXPECT_EQ(stats().redirects, 5u);
  EXPECT_EQ(stats().retries, 0u);
}

TEST_F(RedirectTest, WithBalanceLeaderAllFurtherCallsGoThere) {
  config.balance = Balance::leader;
  lead(1);
  for (int i = 0; i < 10; ++i) {
    const Asked call = led();
    finish(call);
    EXPECT_EQ(call.text(), "done by server 1");
  }
  EXPECT_EQ(servers[0].asked_to_lead, 1);
  EXPECT_TRUE(address(1).leads);
}

TEST_F(RedirectTest, AnAddressThatThePoolWasNotToldOfIsUsedAndForgottenAgain) {
  config.redirect_address_timeout = 5s;
  add_server();
  connect_all();
  lead(2);
  const Asked call = led();
  finish(call);
  EXPECT_EQ(call.text(), "done by server 2");
  EXPECT_EQ(known(), (std::vector<std::string>{"server0", "server1", "server2"}));
  EXPECT_TRUE(address(2).from_redirect);
  finish(once_each(10));
  EXPECT_EQ(servers[2].runs.size(), 1u);  // calls that nobody sends there do not go there
  run_for(4s);
  EXPECT_EQ(state().addresses.size(), 3u);
  run_for(2s);
  EXPECT_EQ(known(), (std::vector<std::string>{"server0", "server1"}));
}

// Calls that are over between two ticks do not count as use of it.
TEST_F(RedirectTest, AnAddressThatIsNamedAgainAndAgainIsKept) {
  config.redirect_address_timeout = 2s;
  add_server();
  lead(2);
  for (int i = 0; i < 10; ++i) {
    finish(led());
    run_for(1s);
  }
  EXPECT_EQ(state().addresses.size(), 3u);
  EXPECT_EQ(address(2).connects, 1u);
}

TEST_F(RedirectTest, AnAddressThatErrorsNamedIsListedFromThenOnWhenAnUpdateSaysSo) {
  config.redirect_address_timeout = 2s;
  add_server();
  lead(2);
  finish(led());
  pool().update_addresses({servers[0].address(), servers[2].address()});
  EXPECT_EQ(known(), (std::vector<std::string>{"server0", "server2"}));
  run_for(1min);
  EXPECT_EQ(known(), (std::vector<std::string>{"server0", "server2"}));
  EXPECT_FALSE(address(1).from_redirect);
}

TEST_F(RedirectTest, NoMoreAddressesAreKeptThanTheLimitSays) {
  config.redirect_addresses_max = 1;
  add_server();
  add_server();
  connect_all();
  lead(2);
  finish(led());
  lead(3);
  servers[1].leads = true;
  finish(led());
  EXPECT_EQ(known(), (std::vector<std::string>{"server0", "server1", "server2"}));
}

TEST_F(RedirectTest, WithoutAnAddressTheNextServerIsAsked) {
  connect_all();
  lead(1);
  servers[0].names = "";
  for (int i = 0; i < 4; ++i) {
    const Asked call = led();
    finish(call);
    EXPECT_EQ(call.text(), "done by server 1");
  }
}

TEST_F(RedirectTest, WithBalanceLeaderTheNextServerLeadsWhenTheLeaderSaysNext) {
  config.balance = Balance::leader;
  lead(1);
  servers[0].names = "";
  for (int i = 0; i < 10; ++i) {
    const Asked call = led();
    finish(call);
    EXPECT_EQ(call.text(), "done by server 1");
  }
  EXPECT_EQ(servers[0].asked_to_lead, 1);
}

TEST_F(RedirectTest, AnAddressThatIsNoneStandsForTheNext) {
  connect_all();
  lead(1);
  servers[0].names = "whoever leads";
  for (int i = 0; i < 4; ++i) {
    const Asked call = led();
    finish(call);
    EXPECT_EQ(call.text(), "done by server 1");
  }
  EXPECT_EQ(state().addresses.size(), 2u);
}

TEST_F(RedirectTest, AServerThatNamesItselfStandsForTheNext) {
  connect_all();
  lead(1);
  servers[0].names = servers[0].address().to_string();
  for (int i = 0; i < 4; ++i) {
    const Asked call = led();
    finish(call);
    EXPECT_EQ(call.text(), "done by server 1");
  }
}

TEST_F(RedirectTest, AnAddressThatDoesNotReactDoesNotKeepACallFromTheOthers) {
  connect_all();
  servers[0].leads = servers[1].leads = false;
  servers[0].names = servers[1].names = "server9:7000";
  world.host("server9");  // up, and nobody listens
  const Asked call = led(0, {.timeout = 10s});
  run_for(500ms);
  lead(1);
  finish(call);
  EXPECT_EQ(call.text(), "done by server 1");
}

// It goes on to lead who named the dead one; that one is avoided, and nothing connects to the other.
TEST_F(RedirectTest, WithBalanceLeaderANamedLeaderThatIsDeadDoesNotKeepACallFromTheOthers) {
  config.balance = Balance::leader;
  servers[0].leads = false;
  servers[0].names = "server9:7000";
  world.host("server9").crash();
  servers[1].leads = true;
  const Asked call = led(0, {.timeout = 10s});
  finish(call);
  EXPECT_EQ(call.text(), "done by server 1");
}

TEST_F(RedirectTest, WhenNobodyLeadsTheCallerGetsTheErrorAfterAsManyRedirectsAsTheLimitSays) {
  config.redirects_max = 5;
  connect_all();
  servers[0].leads = servers[1].leads = false;
  servers[0].names = servers[1].address().to_string();
  servers[1].names = servers[0].address().to_string();
  const Asked call = led();
  finish(call);
  EXPECT_TRUE(call.text() == "error of the handler: go to 'server0:7000'" ||
              call.text() == "error of the handler: go to 'server1:7000'")
      << call.text();
  EXPECT_EQ(servers[0].asked_to_lead + servers[1].asked_to_lead, 6);
  EXPECT_EQ(stats().redirects, 5u);
  EXPECT_EQ(stats().calls_failed_total(), 0u);  // it is an answer
}

TEST_F(RedirectTest, OnceAroundIsAtOnceAndThenThereAreBackOffs) {
  config.redirects_max = 3;
  limits().retry.backoff_min = 1s;
  limits().retry.backoff_max = 8s;
  connect_all();
  servers[0].leads = servers[1].leads = false;
  servers[0].names = servers[1].names = "";
  const Asked call = led(0, {.timeout = 1min});
  run_for(3 * kRoundTrip);
  EXPECT_EQ(servers[0].asked_to_lead, 1);
  EXPECT_EQ(servers[1].asked_to_lead, 1);
  finish(call);
  EXPECT_EQ(call.text(), "error of the handler: go to ''");
  EXPECT_EQ(servers[0].asked_to_lead, 2);
  EXPECT_EQ(servers[1].asked_to_lead, 2);
  // Two back-offs: the second time one waits between 1 and 2 s, the third time between 2 and 4 s.
  EXPECT_GE(call.took(), 4 * kRoundTrip + 3s);
  EXPECT_LE(call.took(), 4 * kRoundTrip + 6s);
}

TEST_F(RedirectTest, WithoutRedirectsTheErrorIsJustAnError) {
  config.redirects_max = 0;
  connect_all();
  lead(1);
  std::vector<std::string> texts;
  for (int i = 0; i < 2; ++i) {
    const Asked call = led();
    finish(call);
    texts.push_back(call.text());
  }
  std::ranges::sort(texts);
  EXPECT_EQ(texts, (std::vector<std::string>{"done by server 1", "error of the handler: go to 'server1:7000'"}));
}

// --- Tasks of the stream interface -----------------------------------------------------------------------------------

Failover address_in(const Response& answer) { return Failover::to(std::string(base::as_text(answer.blob()))); }
Failover throws(const Response&) { throw std::runtime_error("a rule"); }

class TaskRedirectTest : public FailoverPoolTest {
 protected:
  /// An error with the address of the other server comes from whoever is asked first.
  template <Failover (*rule)(const Response&)>
  std::string submit_to(std::uint32_t action) {
    std::string text;
    pool().submit(ClientTask(wire::Action(action), servers[1].address().to_string(), [&text](const Response& answer) {
                    text = answer.message();
                  }).with_failover<rule>());
    run_for(1s);
    return text;
  }
};

TEST_F(TaskRedirectTest, ATaskFollowsItsRuleUntilTheLimitAndThenGetsTheError) {
  config.balance = Balance::leader;
  config.redirects_max = 1;
  EXPECT_EQ(submit_to<address_in>(kErrorBytes), "error of 12 bytes");
  EXPECT_EQ(servers[0].runs.size(), 1u);
  EXPECT_EQ(servers[1].runs.size(), 1u);
  EXPECT_EQ(stats().redirects, 1u);
  EXPECT_TRUE(address(1).leads);
}

TEST_F(TaskRedirectTest, ARuleThatThrowsAsksNothing) {
  config.balance = Balance::leader;
  EXPECT_EQ(submit_to<throws>(kErrorBytes), "error of 12 bytes");
  EXPECT_EQ(stats().redirects, 0u);
}

TEST_F(TaskRedirectTest, TheRuleSeesErrorsOnly) {
  config.balance = Balance::leader;
  EXPECT_EQ(submit_to<throws>(kEcho), "success: 13 bytes of message, 0 of blob");
  EXPECT_EQ(stats().redirects, 0u);
}

}  // namespace
}  // namespace razor::test
