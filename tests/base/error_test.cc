// The table of framework failures. Retries read `ran`: a value moved in the table would call a request twice, or
// report one failure as another.

#include "razor/base/error.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace razor::base {
namespace {

const std::vector<Errc> kAll = {
    Errc::unreachable, Errc::connection_lost, Errc::deadline_exceeded, Errc::method_not_found, Errc::service_not_found,
    Errc::encode,      Errc::decode,          Errc::internal,          Errc::invalid_version,  Errc::overloaded,
    Errc::draining,    Errc::too_large,       Errc::bad_frame,         Errc::cancelled,        Errc::closed,
    Errc::unsupported, Errc::denied,
};

// A switch without default: a new Errc does not compile until it is added here and to kAll.
std::string_view expected_name(Errc errc) {
  switch (errc) {
    case Errc::unreachable: return "unreachable";
    case Errc::connection_lost: return "connection_lost";
    case Errc::deadline_exceeded: return "deadline_exceeded";
    case Errc::method_not_found: return "method_not_found";
    case Errc::service_not_found: return "service_not_found";
    case Errc::encode: return "encode";
    case Errc::decode: return "decode";
    case Errc::internal: return "internal";
    case Errc::invalid_version: return "invalid_version";
    case Errc::overloaded: return "overloaded";
    case Errc::draining: return "draining";
    case Errc::too_large: return "too_large";
    case Errc::bad_frame: return "bad_frame";
    case Errc::cancelled: return "cancelled";
    case Errc::closed: return "closed";
    case Errc::unsupported: return "unsupported";
    case Errc::denied: return "denied";
  }
  return "";
}

TEST(Errc, EveryValueIsNamedAndAnswersWhetherTheRequestRan) {
  std::set<std::string_view> names;
  for (const Errc errc : kAll) {
    EXPECT_EQ(name_of(errc), expected_name(errc));
    EXPECT_TRUE(names.insert(name_of(errc)).second) << name_of(errc) << " twice";
    EXPECT_FALSE(name_of(ran(errc)).empty());
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Errc::denied));
}

TEST(Errc, OnlyWhatIsNeverSentProvesThatTheRequestDidNotRun) {
  for (const Errc errc : kAll) {
    const bool proves_it = errc == Errc::unreachable || errc == Errc::cancelled;
    EXPECT_EQ(ran(errc), proves_it ? Ran::no : Ran::maybe) << name_of(errc);
  }
}

TEST(Errc, TravelsInAnErrorCode) {
  const std::error_code error = Errc::draining;
  EXPECT_EQ(error, Errc::draining);
  EXPECT_NE(error, Errc::closed);
  EXPECT_STREQ(error.category().name(), "razor");
  EXPECT_EQ(error.message(), "draining");
}

TEST(ErrcDeathTest, AValueThatIsNoErrcIsABug) {
  EXPECT_DEATH((void)name_of(static_cast<Errc>(0)), "no such Errc: 0");
  EXPECT_DEATH((void)name_of(static_cast<Errc>(999)), "no such Errc: 999");
}

TEST(CallError, SaysWhatHappenedAndWhetherTheRequestRan) {
  const CallError bare(Errc::overloaded, Ran::no);
  EXPECT_EQ(bare.errc(), Errc::overloaded);
  EXPECT_EQ(bare.ran(), Ran::no);
  EXPECT_EQ(bare.message(), "overloaded (ran: no)");

  const CallError full(Errc::deadline_exceeded, Ran::maybe, "call Calculator.add on 127.0.0.1:8082: no answer within 20 s");
  EXPECT_EQ(full.message(), "deadline_exceeded (ran: maybe): call Calculator.add on 127.0.0.1:8082: no answer within 20 s");
  EXPECT_EQ(CallError(Errc::decode, Ran::yes).message(), "decode (ran: yes)");
}

}  // namespace
}  // namespace razor::base
