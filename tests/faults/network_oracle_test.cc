// Connections are real, and what is told about the calls on them is written by hand: each wrong history must be told by the
// number of its rule, and right ones must stay silent.
#include "faults/network_oracle.h"

#include <gmock/gmock.h>

#include <chrono>

#include "sim/scenario.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;
using runtime::Address;
using runtime::ByteStream;
using runtime::SpanId;
using runtime::SpanStart;

constexpr std::uint16_t kPort = 7000;

using Streams = std::vector<std::unique_ptr<ByteStream>>;

runtime::Task<void> accept_all(runtime::Runtime& runtime, Streams& accepted) {
  auto listener = runtime.network().listen(Address::tcp("0.0.0.0", kPort), {});
  RAZOR_REQUIRE(listener.ok(), "listen: {}", listener.error().message());
  while (true) {
    auto stream = co_await (*listener)->accept();
    accepted.push_back(*std::move(stream));
  }
}

runtime::Task<void> connect_one(runtime::Runtime& runtime, Streams& made) {
  auto stream = co_await runtime.network().connect(Address::tcp("server", kPort));
  if (stream.ok()) made.push_back(*std::move(stream));
}

runtime::Task<void> write_one(ByteStream& stream) {
  constexpr std::array<std::byte, 4> kBytes{};
  const std::array<base::ByteView, 1> buffers{base::ByteView(kBytes)};
  (void)co_await stream.write(buffers);
}

/// A caller and a server with connections between them, and what a library would report of its calls.
struct Talk {
  sim::World& world;
  sim::Host& caller;
  sim::Host& server;
  NetworkOracle oracle;
  Streams made;      // the callers' ends
  Streams accepted;  // the servers', in the same order

  Talk(sim::World& owner, const NetworkLimits& limits)
      : world(owner), caller(owner.host("caller")), server(owner.host("server")), oracle(owner, limits) {}

  void serve() {
    server.start([this](runtime::Runtime& runtime) { return accept_all(runtime, accepted); });
  }
  void start_connect() {
    runtime::Runtime& runtime = caller.runtime();
    runtime.executor().spawn("connect", connect_one(runtime, made));
  }
  void connect() {
    start_connect();
    world.run_for(10ms);
  }
  void write(sim::Host& host, ByteStream& stream) {
    runtime::Runtime& runtime = host.runtime();
    runtime.executor().spawn("write", write_one(stream));
  }

  /// From now on the server's machine acknowledges nothing, and something of the caller's is under way.
  void lose_what_is_sent() {
    world.cut_one_way(caller, server);
    write(caller, *made[0]);
  }

  SpanId begin(sim::Host& host, SpanStart::Side side, std::size_t connection, std::string_view name) {
    const Address client = made[connection]->local_address();
    const Address address = made[connection]->peer_address();
    runtime::Runtime& runtime = host.runtime();
    return runtime.trace()->begin_span({side, name, client, address});
  }
  SpanId ask(std::uint64_t number, std::size_t connection = 0, std::string_view name = "Work.once") {
    const SpanId span = begin(caller, SpanStart::Side::asks, connection, name);
    if (number != 0) caller.runtime().trace()->number_span(span, number);
    return span;
  }
  SpanId dispatch(std::uint64_t number, std::size_t connection = 0) {
    const SpanId span = begin(server, SpanStart::Side::answers, connection, "Work.once");
    server.runtime().trace()->number_span(span, number);
    return span;
  }
  void end_call(SpanId span, std::string_view outcome) {
    caller.runtime().trace()->end_span(span, {outcome == "ok", outcome, {}});
  }
  void answer(SpanId span, std::size_t connection = 0) {
    server.runtime().trace()->end_span(span, {true, "ok", {}});
    write(server, *accepted[connection]);
  }
};

/// The rules of the failures, in order: "8 18".
template <class Act>
std::string rules_of(Act act, const NetworkLimits& limits = {}) {
  const sim::ScenarioResult result = sim::run_scenario(
      [&](sim::World& world) {
        Talk talk(world, limits);
        act(talk);
      },
      1);
  std::string rules;
  for (const sim::ScenarioFailure& failure : result.failures) {
    const std::size_t at = failure.message.rfind(": rule ") + 7;
    if (!rules.empty()) rules += ' ';
    rules += failure.message.substr(at, failure.message.find(':', at) - at);
  }
  return rules;
}
/// With one connection.
template <class Act>
std::string rules_on_a_connection(Act act, const NetworkLimits& limits = {}) {
  return rules_of(
      [&act](Talk& talk) {
        talk.serve();
        talk.connect();
        act(talk);
      },
      limits);
}

TEST(NetworkOracle, IsSilentAboutRightCalls) {
  EXPECT_EQ(rules_on_a_connection([](Talk& talk) {
              for (std::uint64_t number = 1; number <= 20; number += 2) {
                const SpanId call = talk.ask(number);
                const SpanId ping = talk.ask(number + 1, 0, "ping");
                talk.world.run_for(100ms);
                talk.answer(talk.dispatch(number));
                talk.world.run_for(100ms);
                talk.end_call(call, "ok");
                talk.end_call(ping, "ok");
              }
              talk.lose_what_is_sent();
              const SpanId late = talk.ask(21);
              talk.world.run_for(3s);
              talk.end_call(late, "connection_lost (ran: maybe)");
              talk.made.clear();
              talk.world.run_for(1s);
              talk.oracle.check_all();
              EXPECT_EQ(talk.oracle.connections(), 1u);
              EXPECT_EQ(talk.oracle.connects(), 1u);
              EXPECT_EQ(talk.oracle.attempts(), 21u);
              EXPECT_EQ(talk.oracle.requests(), 10u);
            }),
            "");
}

TEST(NetworkOracle, SeesANumberThatWasUsedBefore) {
  EXPECT_EQ(rules_on_a_connection([](Talk& talk) {
              talk.ask(5);
              talk.ask(5);
            }),
            "8");
  EXPECT_EQ(rules_on_a_connection([](Talk& talk) {
              talk.ask(1);
              talk.dispatch(1);
              talk.dispatch(1);
            }),
            "8");
}

TEST(NetworkOracle, SeesAnotherOrder) {
  EXPECT_EQ(rules_on_a_connection([](Talk& talk) {
              const SpanId first = talk.ask(0);
              talk.ask(1);
              talk.caller.runtime().trace()->number_span(first, 2);
            }),
            "18");
  EXPECT_EQ(rules_on_a_connection([](Talk& talk) {
              talk.ask(1);
              talk.ask(2);
              talk.dispatch(2);
              talk.dispatch(1);
            }),
            "18");
}

TEST(NetworkOracle, SeesARequestThatWasNeverSent) {
  EXPECT_EQ(rules_on_a_connection([](Talk& talk) {
              talk.ask(1);
              talk.dispatch(2);
            }),
            "6");
}

TEST(NetworkOracle, SeesThatACallerWasNotToldTheTruth) {
  EXPECT_EQ(rules_on_a_connection([](Talk& talk) {
              const SpanId call = talk.ask(1);
              talk.dispatch(1);
              talk.end_call(call, "draining (ran: no)");
            }),
            "13");
  EXPECT_EQ(rules_on_a_connection([](Talk& talk) {
              talk.end_call(talk.ask(1), "draining (ran: no)");
              talk.dispatch(1);
            }),
            "13");
}

TEST(NetworkOracle, SeesAProtocolErrorBetweenHonestPeers) {
  const auto end_badly = [](Talk& talk) { talk.end_call(talk.ask(1), "bad_frame (ran: maybe)"); };
  EXPECT_EQ(rules_on_a_connection(end_badly), "9");
  EXPECT_EQ(rules_of([&](Talk& talk) {
              talk.oracle.set_untrusted_peers({"server"});
              talk.serve();
              talk.connect();
              end_badly(talk);
            }),
            "");
}

TEST(NetworkOracle, SeesAnAnswerThatIsNotSent) {
  EXPECT_EQ(rules_on_a_connection([](Talk& talk) {
              talk.ask(1);
              talk.server.runtime().trace()->end_span(talk.dispatch(1), {true, "ok", {}});
              talk.world.run_for(200ms);
              talk.oracle.check_all();
            }),
            "16");
}

TEST(NetworkOracle, SeesARequestThatIsAnsweredTwiceOrNever) {
  EXPECT_EQ(rules_on_a_connection([](Talk& talk) {
              talk.ask(1);
              const SpanId request = talk.dispatch(1);
              talk.answer(request);
              talk.answer(request);
            }),
            "16");
  EXPECT_EQ(rules_on_a_connection([](Talk& talk) {
              talk.ask(1);
              talk.dispatch(1);
              talk.oracle.check_all();
            }),
            "16");
}

TEST(NetworkOracle, SeesADispatchOnADeadConnection) {
  EXPECT_EQ(rules_on_a_connection([](Talk& talk) {
              talk.ask(1);
              talk.accepted.clear();
              talk.dispatch(1);
            }),
            "17");
  const auto dispatch_behind_a_reset = [](base::Duration span) {
    return rules_on_a_connection([span](Talk& talk) {
      talk.ask(1);
      talk.ask(2);
      talk.answer(talk.dispatch(1));
      talk.world.run_for(10ms);
      talk.made[0]->reset();
      talk.world.run_for(span);
      talk.dispatch(2);
    });
  };
  EXPECT_EQ(dispatch_behind_a_reset(10ms), "") << "what had arrived may still be read";
  EXPECT_EQ(dispatch_behind_a_reset(500ms), "17");
}

TEST(NetworkOracle, SeesMoreCallsThanTheWindowHasRoomFor) {
  const auto ask = [](int count, base::Duration span) {
    return rules_on_a_connection(
        [=](Talk& talk) {
          std::vector<SpanId> calls;
          for (int i = 1; i <= count; ++i) calls.push_back(talk.ask(static_cast<std::uint64_t>(i)));
          talk.world.run_for(span);
          talk.oracle.check_all();
          for (const SpanId call : calls) talk.end_call(call, "ok");
        },
        {.window = 2});
  };
  EXPECT_EQ(ask(2, 500ms), "");
  EXPECT_EQ(ask(3, 0ms), "") << "one that has ended may be told a turn later";
  EXPECT_EQ(ask(3, 500ms), "20");
}

TEST(NetworkOracle, SeesTooManyHandlers) {
  EXPECT_EQ(rules_on_a_connection(
                [](Talk& talk) {
                  for (std::uint64_t number = 1; number <= 3; ++number) {
                    talk.ask(number);
                    talk.dispatch(number);
                  }
                },
                {.handlers_per_connection_max = 2}),
            "20");
}

TEST(NetworkOracle, SeesMoreConnectionsThanTheCapThatTakeCalls) {
  const auto use = [](bool first_goes_on) {
    return rules_on_a_connection(
        [=](Talk& talk) {
          talk.ask(1, 0);
          talk.world.run_for(1s);
          talk.connect();
          talk.ask(1, 1);
          if (first_goes_on) talk.ask(2, 0);
        },
        {.connections_max = 1});
  };
  EXPECT_EQ(use(false), "") << "the first may be left, with the calls that it has";
  EXPECT_EQ(use(true), "21");
}

TEST(NetworkOracle, SeesTwoConnectsAtATime) {
  const auto connect_behind = [](base::Duration span) {
    return rules_of([span](Talk& talk) {
      talk.server.crash();  // silence: the system sends again after 1, 3 and 7 s
      talk.start_connect();
      talk.world.run_for(span);
      talk.start_connect();
      talk.world.run_for(2s);
    });
  };
  EXPECT_EQ(connect_behind(500ms), "21");
  EXPECT_EQ(rules_of([](Talk& talk) {
              talk.oracle.set_unpooled({"caller"});
              talk.server.crash();
              talk.start_connect();
              talk.start_connect();
              talk.world.run_for(2s);
            }),
            "");
}

TEST(NetworkOracle, SeesThatSilenceIsEndured) {
  const auto wait_for = [](base::Duration span, bool bytes_come, bool is_lost = true) {
    return rules_on_a_connection([=](Talk& talk) {
      const SpanId call = talk.ask(1);
      if (is_lost) talk.lose_what_is_sent();
      for (base::Duration waited{}; waited < span; waited += 1s) {
        if (bytes_come) talk.write(talk.server, *talk.accepted[0]);
        talk.world.run_for(1s);
      }
      talk.oracle.check_all();
      talk.end_call(call, "ok");
    });
  };
  EXPECT_EQ(wait_for(4s, false), "");
  EXPECT_EQ(wait_for(5s, false), "26");
  EXPECT_EQ(wait_for(20s, true), "");
  // Its machine has acknowledged everything: whether it is still there is asked now and then.
  EXPECT_EQ(wait_for(6s, false, false), "");
  EXPECT_EQ(wait_for(7s, false, false), "26");
}

TEST(NetworkOracle, SeesThatALivingConnectionIsGivenUp) {
  const auto give_up_after = [](base::Duration span, bool is_lost = true) {
    return rules_on_a_connection(
        [=](Talk& talk) {
          const SpanId call = talk.ask(1);
          talk.write(talk.caller, *talk.made[0]);
          talk.world.run_for(2s);
          if (is_lost) talk.lose_what_is_sent();
          talk.world.run_for(3s);
          talk.write(talk.server, *talk.accepted[0]);
          talk.world.run_for(span);
          talk.end_call(call, "connection_lost (ran: maybe)");
        },
        {.tick = 10s});
  };
  EXPECT_EQ(give_up_after(2s), "26");
  EXPECT_EQ(give_up_after(3100ms), "");
  EXPECT_EQ(give_up_after(3100ms, false), "26") << "its machine has acknowledged everything";
}

TEST(NetworkOracle, SeesACallToAnAddressThatWasLost) {
  const auto lose_and_call = [](bool was_heard) {
    return rules_on_a_connection([was_heard](Talk& talk) {
      const SpanId call = talk.ask(1);
      talk.lose_what_is_sent();
      talk.world.run_for(3s);
      talk.world.heal(talk.caller, talk.server);
      talk.end_call(call, "connection_lost (ran: maybe)");
      talk.made[0]->reset();
      talk.connect();
      const SpanId ping = talk.ask(1, 1, "ping");
      if (was_heard) talk.write(talk.server, *talk.accepted[1]);
      talk.world.run_for(10ms);
      talk.end_call(ping, was_heard ? "ok" : "deadline_exceeded (ran: maybe)");
      talk.ask(2, 1);
    });
  };
  EXPECT_EQ(lose_and_call(true), "");
  EXPECT_EQ(lose_and_call(false), "29");
}

/// Connects that are refused, with these gaps between them.
std::string rules_of_gaps(const std::vector<base::Duration>& gaps) {
  return rules_of([&gaps](Talk& talk) {
    talk.start_connect();
    for (const base::Duration gap : gaps) {
      talk.world.run_for(gap);
      talk.start_connect();
    }
    talk.world.run_for(1s);
  });
}

TEST(NetworkOracle, SeesReconnectsThatDoNotBackOff) {
  EXPECT_EQ(rules_of_gaps({40ms, 70ms, 130ms, 370ms, 610ms, 700ms, 900ms}), "");
  EXPECT_EQ(rules_of_gaps({20ms}), "30");
  EXPECT_EQ(rules_of_gaps({40ms, 70ms, 80ms}), "30") << "a third gap is 100 ms at least";
}

TEST(NetworkOracle, SeesReconnectsWithoutJitter) {
  EXPECT_EQ(rules_of_gaps({50ms, 100ms, 200ms, 399ms, 800ms, 1s, 1s}), "");
  EXPECT_EQ(rules_of_gaps({50ms, 100ms, 200ms, 400ms}), "30");
}

TEST(NetworkOracle, CountsConnectsOfAMinute) {
  const auto connect = [](int count, bool other_pool) {
    return rules_of(
        [=](Talk& talk) {
          talk.serve();
          for (int i = 0; i < count; ++i) {
            if (i == 8 && other_pool) talk.oracle.pool_made("caller");
            talk.connect();
            talk.world.run_for(5s);
          }
        },
        {.connects_per_minute_max = 10});
  };
  EXPECT_EQ(connect(10, false), "");
  EXPECT_EQ(connect(11, false), "30");
  EXPECT_EQ(connect(11, true), "");
}

TEST(NetworkOracle, ForgetsWhatWasUnderWayOnAHostThatIsGone) {
  EXPECT_EQ(rules_on_a_connection([](Talk& talk) {
              const SpanId call = talk.ask(1);
              const SpanId request = talk.dispatch(1);
              runtime::Runtime& dying = talk.server.runtime();
              talk.server.kill();
              dying.trace()->end_span(request, {false, "internal", {}});  // as it is torn down
              talk.caller.crash();
              (void)call;
              talk.world.run_for(1min);
              talk.oracle.check_all();
            }),
            "");
}

}  // namespace
}  // namespace razor::faults
