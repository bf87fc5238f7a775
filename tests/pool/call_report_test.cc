// The texts of calls that failed. Without a part that is looked for here, whoever reads the log has to guess which server was
// asked, how often, what it said, or where the time went.

#include "razor/pool/internal/call_report.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace razor::pool {
namespace {

using namespace std::chrono_literals;
using base::CallError;
using base::Errc;
using base::Ran;
using runtime::Address;

const Address kFirst = Address::tcp("first", 7000);
const Address kSecond = Address::tcp("second", 7000);

TEST(CallReport, NamesTheAddressesThatWereTriedInOrderWithTheirCountAndLastWords) {
  TriedAddresses tried;
  tried.note(kFirst, "connection_lost: gone");
  tried.note(kSecond, "named first:7000");
  tried.note(kFirst, "internal: answered by the server");
  EXPECT_EQ(tried.to_string(),
            "; tried first:7000 2 times: internal: answered by the server; tried second:7000 1 time: named first:7000");
}

TEST(CallReport, SaysWhatHappenedWhoWasTriedWhatIsWrongAndWhereTheTimeWent) {
  TriedAddresses tried;
  tried.note(kFirst, "gone");
  CallStages stages;
  stages.add(CallStage::connecting, 20ms);
  stages.add(CallStage::waiting, 3s);
  EXPECT_EQ(report_text("Work.once", "the pool is closed", &tried, "; first:7000 is down", stages),
            "call Work.once: the pool is closed; tried first:7000 1 time: gone; first:7000 is down; "
            "time: connecting 20 ms, waiting 3 s");
  EXPECT_EQ(report_text("Work.once", "no", nullptr, "", CallStages()), "call Work.once: no; time: no time");
}

TEST(CallReport, ACauseDoesNotRepeatTheNameOfTheCall) {
  const auto cause = [](std::string detail) {
    return cause_text("Work.once", CallError(Errc::connection_lost, Ran::maybe, std::move(detail)), 2s);
  };
  EXPECT_EQ(cause("call Work.once on first:7000: it closed the connection: bye"), "it closed the connection: bye");
  EXPECT_EQ(cause("call Work.once"), "");
  EXPECT_EQ(cause("call Work.twice: no"), "call Work.twice: no");
  EXPECT_EQ(cause("out of memory"), "out of memory");
}

TEST(CallReport, TheTimeoutOfACauseIsTheCallers) {
  EXPECT_EQ(cause_text("Work.once", CallError(Errc::deadline_exceeded, Ran::maybe, "no answer within 17 ms"), 2s),
            "no answer within 2 s");
}

TEST(CallReport, AnExpiredCallSaysWhatItWaitedFor) {
  const auto text = [](CallState state, bool any_healthy = true, bool is_connected = true) {
    return expired_text(state, 2s, any_healthy, is_connected);
  };
  EXPECT_EQ(text(CallState::queued), "no answer within 2 s: it waited for room on a connection");
  EXPECT_EQ(text(CallState::queued, true, false), "no answer within 2 s: it waited for a connection");
  EXPECT_EQ(text(CallState::queued, false), "no answer within 2 s: no address was healthy");
  EXPECT_EQ(text(CallState::backing_off), "no answer within 2 s: its next attempt was still to come");
  EXPECT_EQ(text(CallState::awaiting_budget), "no answer within 2 s: the retry budget was spent");
  EXPECT_EQ(text(CallState::draft), "no answer within 2 s: its deadline had passed when it was submitted");
  EXPECT_EQ(expired_text(CallState::draft, 0s, true, true), "its time was over when it was submitted");
}

TEST(CallReport, NamesEachAddressThatCallsMayBeWaitingFor) {
  struct FakeEndpoint {
    bool unusable;
    std::string text;
    bool is_unusable() const { return unusable; }
    std::string unusable_text() const { return text; }
  };
  struct Entry {
    std::unique_ptr<FakeEndpoint> endpoint;
  };
  std::vector<Entry> entries;
  EXPECT_EQ(addresses_text(entries), "; the pool has no addresses");
  const auto add = [&](bool unusable, std::string text) {
    entries.push_back({std::make_unique<FakeEndpoint>(FakeEndpoint{unusable, std::move(text)})});
  };
  add(false, "a is healthy");
  EXPECT_EQ(addresses_text(entries), "");
  add(true, "b is down");
  add(true, "c is suspect");
  EXPECT_EQ(addresses_text(entries), "; b is down; c is suspect");
}

}  // namespace
}  // namespace razor::pool
