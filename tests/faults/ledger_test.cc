// Each wrong history must be told by the number of its rule, and right ones must stay silent: an oracle that says nothing
// would let every other test pass.
#include "faults/ledger.h"

#include <gmock/gmock.h>

#include <chrono>

namespace razor::faults {
namespace {

using namespace std::chrono_literals;
using base::CallError;
using base::Errc;
using base::Ran;
using testing::HasSubstr;

/// A run whose history a test writes by hand: what callers and handlers would have told.
struct History {
  sim::World& world;
  Ledger ledger;

  explicit History(sim::World& owner, const LedgerConfig& config = {}) : world(owner), ledger(owner, config) {
    world.host("caller");
  }
  std::uint64_t call(CallTerms terms = {}) {
    terms.name = "Work.once";
    if (terms.caller.empty()) terms.caller = "caller";
    if (terms.timeout == 0s) terms.timeout = 2s;
    terms.request_hash = 77;
    return ledger.submitted(terms);
  }
  std::uint64_t answered_call(CallTerms terms = {}) {
    const std::uint64_t id = call(terms);
    run(id, HandlerAnswer::value, 5);
    return id;
  }
  void run(std::uint64_t id, HandlerAnswer answer, std::uint64_t hash = 0) {
    ledger.dispatched(id, "server", 77);
    ledger.answered(id, answer, hash);
  }
  void fail(std::uint64_t id, Errc errc, Ran ran) { ledger.failed(id, CallError(errc, ran, "a test")); }
};

template <class Write>
sim::ScenarioResult result_of(Write write, const LedgerConfig& config = {}) {
  return sim::run_scenario(
      [&](sim::World& world) {
        History history(world, config);
        write(history);
      },
      1);
}

/// "rule 12" of the first failure; empty when there is none.
template <class Write>
std::string rule_of(Write write, const LedgerConfig& config = {}) {
  const sim::ScenarioResult result = result_of(write, config);
  if (result.ok()) return {};
  const std::string& message = result.failures.front().message;
  const std::size_t at = message.rfind("rule ");
  return message.substr(at, message.find(':', at) - at);
}

TEST(Ledger, IsSilentAboutARightHistory) {
  const auto result = result_of([](History& run) {
    const auto one = run.answered_call();
    run.world.run_for(1s);
    run.ledger.succeeded(one, 5);
    const auto two = run.call();
    run.run(two, HandlerAnswer::error, 9);
    run.ledger.ended_with_error(two, 9);
    const auto three = run.call();
    run.world.run_for(2200ms);
    run.fail(three, Errc::deadline_exceeded, Ran::maybe);
    const auto late = run.call({.runs_max = 2});
    run.ledger.dispatched(late, "server", 77);
    run.ledger.abandoned(late);
    run.run(late, HandlerAnswer::value, 4);
    const auto moved = run.call();
    run.run(moved, HandlerAnswer::refused);
    run.run(moved, HandlerAnswer::value, 6);
    run.ledger.succeeded(moved, 6);
    const auto refused = run.call();
    run.run(refused, HandlerAnswer::refused);
    run.ledger.refused(refused);
    const auto thrown = run.call();
    run.run(thrown, HandlerAnswer::threw);
    run.fail(thrown, Errc::internal, Ran::maybe);
    run.ledger.closing("caller", 1s);
    run.ledger.closed("caller");
    run.world.run_for(1min);
    run.ledger.check_all();
    EXPECT_EQ(run.ledger.calls(), 7u);
    EXPECT_EQ(run.ledger.succeeded_count(), 2u);
    EXPECT_EQ(run.ledger.error_count(), 1u);
    EXPECT_EQ(run.ledger.refused_count(), 1u);
    EXPECT_EQ(run.ledger.failed_count(), 2u);
    EXPECT_EQ(run.ledger.failed_count(Errc::internal), 1u);
    EXPECT_EQ(run.ledger.abandoned_count(), 1u);
    EXPECT_EQ(run.ledger.dispatched_count(), 6u);
    EXPECT_EQ(run.ledger.under_way(), 0u);
  });
  EXPECT_EQ(result.text(), "");
}

TEST(Ledger, SeesACallThatNeverEnds) {
  EXPECT_EQ(rule_of([](History& run) {
              run.call();
              run.world.run_for(4s);
              run.ledger.check_all();
            }),
            "rule 1");
}

TEST(Ledger, SeesACallThatEndsTwiceOrBehindItsEnd) {
  EXPECT_EQ(rule_of([](History& run) {
              const auto id = run.answered_call();
              run.ledger.succeeded(id, 5);
              run.ledger.succeeded(id, 5);
            }),
            "rule 1");
  EXPECT_EQ(rule_of([](History& run) {
              const auto id = run.answered_call();
              run.ledger.abandoned(id);
              run.ledger.succeeded(id, 5);
            }),
            "rule 1");
}

TEST(Ledger, SeesACallThatEndsLate) {
  const auto end_after = [](base::Duration span, std::optional<base::Duration> tick = {}) {
    return rule_of([=](History& run) {
      const auto id = run.call({.tick = tick});
      run.world.run_for(span);
      run.fail(id, Errc::deadline_exceeded, Ran::no);
    });
  };
  EXPECT_EQ(end_after(2250ms), "") << "an eighth of its timeout late";
  EXPECT_EQ(end_after(2260ms), "rule 2");
  EXPECT_EQ(end_after(3s, 1s), "");
  EXPECT_EQ(end_after(3010ms, 1s), "rule 2");
}

TEST(Ledger, WaitsForACallerThatStandsStill) {
  const auto wakes_and_ends_after = [](base::Duration span) {
    return rule_of([span](History& run) {
      const auto id = run.call();
      run.world.run_for(2100ms);
      run.world.host("caller").pause();
      run.world.run_for(10s);
      run.world.host("caller").resume();
      run.world.run_for(span);
      run.fail(id, Errc::deadline_exceeded, Ran::no);
    });
  };
  EXPECT_EQ(wakes_and_ends_after(0s), "");
  EXPECT_EQ(wakes_and_ends_after(20ms), "rule 2");
}

TEST(Ledger, SeesATimeoutBeforeTheDeadline) {
  EXPECT_EQ(rule_of([](History& run) {
              const auto id = run.call();
              run.world.run_for(1999ms);
              run.fail(id, Errc::deadline_exceeded, Ran::maybe);
            }),
            "rule 3");
}

TEST(Ledger, CountsTimeAsTheCallersClockDoes) {
  EXPECT_EQ(rule_of([](History& run) {
              run.world.host("caller").set_drift_ppm(100'000);
              const auto id = run.call();
              run.world.run_for(1900ms);  // 2.09 s of its own
              run.fail(id, Errc::deadline_exceeded, Ran::maybe);
            }),
            "");
}

TEST(Ledger, SeesACloseThatIsLateOrLeavesCalls) {
  EXPECT_EQ(rule_of([](History& run) {
              run.ledger.closing("caller", 1s);
              run.world.run_for(1010ms);
              run.ledger.closed("caller");
            }),
            "rule 4");
  EXPECT_EQ(rule_of([](History& run) {
              run.call();
              run.ledger.closing("caller", 1s);
              run.ledger.closed("caller");
            }),
            "rule 4");
  EXPECT_EQ(rule_of([](History& run) {
              run.ledger.closing("caller", 1s);
              run.world.run_for(2s);
              run.ledger.check_all();
            }),
            "rule 4");
}

TEST(Ledger, SeesAnEndBehindTheEndOfClose) {
  const auto result = result_of([](History& run) {
    const auto id = run.call({.caller = "caller/second"});
    run.ledger.closing("caller/second", 1s);
    const auto refused = run.call({.caller = "caller/second"});
    run.ledger.closed("caller/second");
    run.fail(refused, Errc::closed, Ran::no);
    run.fail(id, Errc::closed, Ran::no);
  });
  EXPECT_THAT(result.text(), HasSubstr("rule 5: call 0 ended behind"));
  EXPECT_EQ(result.failure_count, 2u);  // and rule 4
}

TEST(Ledger, SeesTheAnswerOfAnother) {
  const auto result = result_of([](History& run) {
    const auto one = run.answered_call();
    const auto two = run.call();
    run.run(two, HandlerAnswer::value, 6);
    run.ledger.succeeded(one, 6);
  });
  EXPECT_THAT(result.text(), HasSubstr("rule 6: call 0 got the answer of call 1"));
}

TEST(Ledger, SeesAChangedAnswerAndAChangedRequest) {
  EXPECT_EQ(rule_of([](History& run) { run.ledger.succeeded(run.answered_call(), 1234); }), "rule 7");
  EXPECT_EQ(rule_of([](History& run) { run.ledger.dispatched(run.call(), "server", 78); }), "rule 7");
  EXPECT_EQ(rule_of([](History& run) { run.ledger.dispatched(run.call() + 1, "server", 77); }), "rule 7");
  EXPECT_EQ(
      rule_of([](History& run) { run.ledger.dispatched(run.call() + 1, "server", 77); }, {.untrusted_peers_call = true}),
      "");
}

TEST(Ledger, SeesAnErrorThatItsHandlerDidNotGive) {
  EXPECT_EQ(rule_of([](History& run) {
              const auto id = run.call();
              run.run(id, HandlerAnswer::error, 8);
              run.ledger.ended_with_error(id, 9);
            }),
            "rule 10");
  EXPECT_EQ(rule_of([](History& run) { run.ledger.ended_with_error(run.answered_call(), 5); }), "rule 10");
}

TEST(Ledger, SeesASuccessThatNobodyGave) {
  EXPECT_EQ(rule_of([](History& run) {
              const auto id = run.call();
              run.run(id, HandlerAnswer::error, 8);
              run.ledger.succeeded(id, 8);
            }),
            "rule 11");
  EXPECT_EQ(rule_of([](History& run) {
              const auto id = run.call();
              run.run(id, HandlerAnswer::threw);
              run.ledger.succeeded(id, 0);
            }),
            "rule 36");
  EXPECT_EQ(rule_of([](History& run) { run.ledger.succeeded(run.call(), 5); }), "rule 13");
  EXPECT_EQ(rule_of([](History& run) { run.ledger.succeeded(run.call({.peers_trusted = false}), 5); }), "");
}

TEST(Ledger, SeesASecondRun) {
  EXPECT_EQ(rule_of([](History& run) {
              const auto id = run.answered_call();
              run.ledger.dispatched(id, "other", 77);
            }),
            "rule 12");
  EXPECT_EQ(rule_of([](History& run) {
              const auto id = run.answered_call({.runs_max = 2});
              run.ledger.dispatched(id, "other", 77);
              run.ledger.dispatched(id, "other", 77);
            }),
            "rule 14");
}

TEST(Ledger, SeesASecondRunLongBehindTheEnd) {
  EXPECT_EQ(rule_of([](History& run) {
              const auto id = run.answered_call();
              run.ledger.succeeded(id, 5);
              run.world.run_for(1h);
              run.answered_call();  // in whose place its story was
              run.ledger.dispatched(id, "other", 77);
            }),
            "rule 12");
}

TEST(Ledger, SeesThatACallerWasNotToldTheTruth) {
  EXPECT_EQ(rule_of([](History& run) {
              const auto id = run.answered_call();
              run.fail(id, Errc::overloaded, Ran::no);
            }),
            "rule 13");
  EXPECT_EQ(rule_of([](History& run) {
              const auto id = run.call();
              run.fail(id, Errc::overloaded, Ran::no);
              run.ledger.dispatched(id, "server", 77);
            }),
            "rule 13");
  EXPECT_EQ(rule_of([](History& run) {
              const auto id = run.call();
              run.fail(id, Errc::decode, Ran::yes);
            }),
            "rule 13");
  EXPECT_EQ(rule_of([](History& run) {
              const auto id = run.answered_call();
              run.ledger.refused(id);
            }),
            "rule 13");
}

TEST(Ledger, SeesADispatchBehindTheDeadlineWhereItIsToldHowLateOneMayBe) {
  const auto dispatch_after = [](base::Duration span) {
    return rule_of(
        [span](History& run) {
          const auto id = run.call();
          run.world.run_for(span);
          run.ledger.dispatched(id, "server", 77);
        },
        {.dispatch_delay_max = 1s});
  };
  EXPECT_EQ(dispatch_after(3s), "");
  EXPECT_EQ(dispatch_after(3001ms), "rule 14");
}

TEST(Ledger, SeesAnUnsentCallThatDidNotMove) {
  const auto end_with = [](Errc errc, bool may_end_unsent) {
    return rule_of([=](History& run) { run.fail(run.call({.may_end_unsent = may_end_unsent}), errc, Ran::no); });
  };
  EXPECT_EQ(end_with(Errc::unreachable, false), "rule 15");
  EXPECT_EQ(end_with(Errc::connection_lost, false), "rule 15");
  EXPECT_EQ(end_with(Errc::closed, false), "rule 15");
  EXPECT_EQ(end_with(Errc::unreachable, true), "");
  EXPECT_EQ(end_with(Errc::too_large, false), "");
}

TEST(Ledger, SeesAFailureWhenAllIsWell) {
  EXPECT_EQ(rule_of([](History& run) {
              const auto id = run.call({.must_succeed = true});
              run.world.run_for(2s);
              run.fail(id, Errc::deadline_exceeded, Ran::maybe);
            }),
            "rule 27");
}

TEST(Ledger, AsksNothingOfCallersThatAreGone) {
  const auto result = result_of([](History& run) {
    run.call();
    const auto torn_down = run.call();
    run.world.host("caller").restart();
    run.fail(torn_down, Errc::closed, Ran::maybe);  // as its pool was destroyed
    run.ledger.abandoned(torn_down);
    const auto next = run.answered_call();  // of another incarnation, whose clock begins anew
    run.world.run_for(1s);
    run.ledger.succeeded(next, 5);
    run.world.run_for(1min);
    run.ledger.check_all();
    EXPECT_EQ(run.ledger.gone_count(), 2u);
    EXPECT_EQ(run.ledger.under_way(), 0u);
  });
  EXPECT_EQ(result.text(), "");
}

TEST(Ledger, TellsTheStoryOfACallWhoseRuleIsBroken) {
  const auto result = result_of([](History& run) {
    run.call();
    const auto id = run.call();
    run.world.run_for(1500ms + 7ns);
    run.run(id, HandlerAnswer::value, 5);
    run.ledger.dispatched(id, "other", 77);
    run.ledger.succeeded(id, 5);
  });
  ASSERT_EQ(result.texts.size(), 1u) << "only of that call";
  EXPECT_EQ(result.texts.at("call 1"),
            "0s caller submitted Work.once, timeout 2s\n"
            "1.500000007s server entered its handler\n"
            "1.500000007s server answered\n"
            "1.500000007s other entered its handler\n"
            "1.500000007s caller succeeded\n");
}

TEST(Ledger, IsFastEnoughForMillionsOfCalls) {
  const auto result = result_of([](History& run) {
    for (int i = 0; i < 200'000; ++i) {
      const auto id = run.answered_call();
      run.ledger.succeeded(id, 5);
      if (i % 100 == 0) run.world.run_for(1s);
    }
    run.ledger.check_all();
    EXPECT_EQ(run.ledger.calls(), 200'000u);
  });
  EXPECT_EQ(result.text(), "");
}

}  // namespace
}  // namespace razor::faults
