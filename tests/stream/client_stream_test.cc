// ClientStream: what is sent, in which order, how much of it at a time, and which call an answer ends. A stream that
// matched answers by order, let one call too many through, or queued without bound would fail here.

#include "razor/stream/client_stream.h"

#include "tests/stream/client_fixture.h"
#include "tests/support/plain_config.h"

namespace razor::stream {
namespace {

using test::answer;
using test::error_number;
using test::error_text;

class ClientStreamTest : public ClientStreamFixture {
 protected:
  ClientStreamConfig with_window(std::uint32_t window) {
    ClientStreamConfig config = test::plain_config();
    config.window = window;
    return config;
  }
};

TEST_F(ClientStreamTest, SendsACallAndGivesItsAnswer) {
  Outcome& outcome = outcomes_.emplace_back();
  stream_->submit(task(77u, "question", outcome).with_blob(test::bytes_of("blob out")));
  run();
  ASSERT_EQ(server_->calls.size(), 1u);
  EXPECT_EQ(server_->calls[0].seq, 1u);
  EXPECT_EQ(server_->calls[0].action, 77u);
  EXPECT_EQ(server_->calls[0].msg, "question");
  EXPECT_EQ(server_->calls[0].blob, "blob out");
  EXPECT_EQ(server_->calls[0].format, 0);
  EXPECT_FALSE(outcome.ended());

  server_->answer(0, "reply", "blob back");
  run();
  EXPECT_TRUE(outcome.succeeded_with("reply")) << outcome;
  EXPECT_EQ(outcome.blob, "blob back");
}

TEST_F(ClientStreamTest, ActionsMayHaveNames) {
  stream_->submit(task("Calculator.add", "1 2", outcomes_.emplace_back()));
  run();
  ASSERT_EQ(server_->calls.size(), 1u);
  EXPECT_EQ(server_->calls[0].name, "Calculator.add");
  EXPECT_EQ(server_->calls[0].msg, "1 2");
  server_->answer(0);
  run();
  EXPECT_TRUE(outcomes_[0].succeeded_with(""));
}

TEST_F(ClientStreamTest, AllRequestsOfAConnectionCarryOneClientId) {
  for (int i = 0; i < 3; ++i) submit();
  EXPECT_EQ(server_->calls[0].client_id, server_->calls[2].client_id);
  EXPECT_NE(server_->calls[0].client_id, 0u);
}

TEST_F(ClientStreamTest, AnswersMayComeInAnyOrder) {
  for (const char* msg : {"a", "b", "c", "d"}) submit(msg);
  for (const std::size_t nth : {2u, 0u, 3u, 1u}) server_->answer(nth, server_->calls[nth].msg);
  run();
  EXPECT_TRUE(outcomes_[0].succeeded_with("a"));
  EXPECT_TRUE(outcomes_[1].succeeded_with("b"));
  EXPECT_TRUE(outcomes_[2].succeeded_with("c"));
  EXPECT_TRUE(outcomes_[3].succeeded_with("d"));
}

TEST_F(ClientStreamTest, WhatIsSubmittedTogetherIsWrittenTogetherAndInOrder) {
  for (int i = 0; i < 50; ++i) submit_only(std::to_string(i));
  EXPECT_EQ(stream_->stats().writes, 0u) << "written inside submit";
  run();
  EXPECT_EQ(stream_->stats().writes, 1u);
  ASSERT_EQ(server_->calls.size(), 50u);
  for (std::size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(server_->calls[i].msg, std::to_string(i));
    server_->answer(i);
  }
  run();
}

TEST_F(ClientStreamTest, NoCompletionRunsInsideSubmit) {
  int depth = 0;
  Outcome& refused = outcomes_.emplace_back();
  refused.then = [&depth] { EXPECT_EQ(depth, 0); };
  ++depth;
  stream_->submit(task(kAction, std::string(20'000'000, 'x'), refused));
  --depth;
  EXPECT_FALSE(refused.ended());
  run();
  EXPECT_TRUE(refused.failed_with(Errc::too_large, Ran::no)) << refused;
}

// --- The window and the queue ----------------------------------------------------------------------------------------

TEST_F(ClientStreamTest, SendsNoMoreThanTheWindowAtAnyInstant) {
  connect(with_window(3));
  world_.after_each_turn = [this] {
    server_->look();
    std::size_t answered = 0;
    for (const Outcome& outcome : outcomes_) answered += outcome.ended();
    EXPECT_LE(server_->calls.size() - answered, 3u);
  };
  for (int i = 0; i < 20; ++i) submit_only(std::to_string(i));
  run();
  EXPECT_EQ(server_->calls.size(), 3u);
  EXPECT_EQ(stream_->stats().in_flight, 3u);
  EXPECT_EQ(stream_->stats().queued, 17u);
  for (std::size_t i = 0; i < 20; ++i) {
    ASSERT_EQ(server_->calls.size(), std::min<std::size_t>(i + 3, 20));
    server_->answer(i, server_->calls[i].msg);
    run();
  }
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(server_->calls[i].msg, std::to_string(i)) << "the queue keeps its order";
    EXPECT_TRUE(outcomes_[i].succeeded_with(std::to_string(i)));
  }
  EXPECT_EQ(stream_->stats().in_flight_peak, 3u);
}

TEST_F(ClientStreamTest, NobodyOvertakesTheQueue) {
  connect(with_window(1));
  Outcome& first = submit("first");
  submit("second");
  first.then = [this] { submit_only("third"); };  // there is room for it now, but it is not its turn
  for (std::size_t i = 0; i < 3; ++i) {
    server_->answer(i);
    run();
  }
  ASSERT_EQ(server_->calls.size(), 3u);
  EXPECT_EQ(server_->calls[1].msg, "second");
  EXPECT_EQ(server_->calls[2].msg, "third");
}

TEST_F(ClientStreamTest, PingsTakeNoPlaceInTheWindow) {
  connect(with_window(1));
  submit("first");
  submit("second");
  advance(1500ms);
  ASSERT_EQ(server_->pings.size(), 1u);
  server_->answer_pings();
  run();
  EXPECT_EQ(server_->calls.size(), 1u) << "a pong freed the place of a call";
  server_->answer(0);
  run();
  EXPECT_EQ(server_->calls.size(), 2u);
  server_->answer(1);
  run();
}

TEST_F(ClientStreamTest, AboveItsLimitOfCallsTheQueueRefuses) {
  ClientStreamConfig config = with_window(1);
  config.queue_calls_max = 2;
  connect(config);
  for (int i = 0; i < 5; ++i) submit(std::to_string(i));
  EXPECT_FALSE(outcomes_[2].ended());
  EXPECT_TRUE(outcomes_[3].failed_with(Errc::overloaded, Ran::no)) << outcomes_[3];
  EXPECT_TRUE(outcomes_[4].failed_with(Errc::overloaded, Ran::no)) << outcomes_[4];
  for (std::size_t i = 0; i < 3; ++i) {
    server_->answer(i);
    run();
  }
  EXPECT_TRUE(outcomes_[2].succeeded_with(""));
  ASSERT_EQ(server_->calls.size(), 3u);
}

TEST_F(ClientStreamTest, AboveItsLimitOfBytesTheQueueRefuses) {
  ClientStreamConfig config = with_window(1);
  config.queue_bytes_max = 1000;
  connect(config);
  submit("takes the window");
  Outcome& fits = outcomes_.emplace_back();
  stream_->submit(task(kAction, std::string(500, 'm'), fits).with_blob(base::Bytes(1000 - 500 - 32)));
  run();
  EXPECT_EQ(stream_->stats().queued_bytes, 1000u);
  Outcome& too_much = submit();
  EXPECT_TRUE(too_much.failed_with(Errc::overloaded, Ran::no)) << too_much;
  server_->answer(0);
  run();
  EXPECT_EQ(stream_->stats().queued_bytes, 0u);
  EXPECT_EQ(server_->calls.at(1).msg.size(), 500u);
  EXPECT_EQ(server_->calls.at(1).blob.size(), 468u);
  server_->answer(1);
  run();
}

TEST_F(ClientStreamTest, CallsWaitWhileTheTransportTakesNothing) {
  ClientStreamConfig config = test::plain_config();
  config.write_buffer_max = 10'000;
  connect(config);
  server_takes_nothing(1000);
  for (int i = 0; i < 30; ++i) submit(std::string(1000, 'x'));
  // What the transport holds and the buffer, one call on top of it.
  EXPECT_LE(stream_->stats().in_flight, (1000u + 10'000) / 1032 + 2);
  EXPECT_GE(stream_->stats().queued, 18u);
  server_takes_again();
  EXPECT_EQ(server_->calls.size(), 30u);
  for (std::size_t i = 0; i < 30; ++i) server_->answer(i);
  run();
}

// --- What does not fit -----------------------------------------------------------------------------------------------

TEST_F(ClientStreamTest, WhatIsTooLargeFailsAlone) {
  ClientStreamConfig config = test::plain_config();
  config.limits.msg_bytes_max = 100;
  config.limits.blob_bytes_max = 200;
  config.limits.action_bytes_max = 10;
  connect(config);
  submit("before");
  Outcome& message = submit(std::string(101, 'x'));
  EXPECT_TRUE(message.failed_with(Errc::too_large, Ran::no)) << message;
  Outcome& blob = outcomes_.emplace_back();
  stream_->submit(task(kAction, "", blob).with_blob(base::Bytes(201)));
  Outcome& name = outcomes_.emplace_back();
  stream_->submit(task("NameOf11byt", "", name));
  run();
  EXPECT_TRUE(blob.failed_with(Errc::too_large, Ran::no)) << blob;
  EXPECT_TRUE(name.failed_with(Errc::too_large, Ran::no)) << name;

  Outcome& just_fits = outcomes_.emplace_back();
  stream_->submit(task("TenBytes..", std::string(100, 'm'), just_fits).with_blob(base::Bytes(200)));
  run();
  ASSERT_EQ(server_->calls.size(), 2u);
  EXPECT_EQ(server_->calls[1].name, "TenBytes..");
  EXPECT_EQ(server_->calls[1].seq, 2u) << "a refused call uses up no seq";
  server_->answer(0);
  server_->answer(1);
  run();
  EXPECT_TRUE(outcomes_[0].succeeded_with(""));
}

TEST_F(ClientStreamTest, WhatIsTooLargeFailsAloneInTheQueueToo) {
  ClientStreamConfig config = with_window(1);
  config.limits.msg_bytes_max = 100;
  connect(config);
  submit("takes the window");
  submit("waits");
  Outcome& message = submit(std::string(101, 'x'));
  EXPECT_TRUE(message.failed_with(Errc::too_large, Ran::no)) << message;
  EXPECT_EQ(stream_->stats().queued, 1u);
  server_->answer(0);
  run();
  server_->answer(1);
  run();
}

struct Unencodable {};
struct OddlyUnencodable {};

}  // namespace
}  // namespace razor::stream

template <>
struct razor::Codec<razor::stream::Unencodable> {
  static void encode(Encoder& to, const stream::Unencodable&) {
    to.sink().put(base::as_bytes("half of it"));
    throw std::runtime_error("no such thing");
  }
};
template <>
struct razor::Codec<razor::stream::OddlyUnencodable> {
  static void encode(Encoder& to, const stream::OddlyUnencodable&) {
    to.put_array(1);
    throw 7;
  }
};

namespace razor::stream {
namespace {

TEST_F(ClientStreamTest, ATaskThatCannotBeEncodedFailsAloneWhateverItsAdaptorThrows) {
  connect(with_window(2));
  Outcome& odd = outcomes_.emplace_back();
  stream_->submit(ClientTask(kAction, OddlyUnencodable(), [&odd](const Response& answer) { odd.note(answer, {}); }));
  run();
  EXPECT_TRUE(odd.failed_with(Errc::encode, Ran::no)) << odd;
  submit("after");
  ASSERT_EQ(server_->calls.size(), 1u);
  EXPECT_EQ(server_->calls[0].msg, "after");
  server_->answer(0);
  run();
}

TEST_F(ClientStreamTest, WhatCannotBeEncodedFailsAlone) {
  connect(with_window(2));
  submit("before");
  Outcome& broken = outcomes_.emplace_back();
  auto encode_and_throw = [](wire::Encoder& to) { encode(to, Unencodable()); };
  await(StreamCall(stream_->channel(), kAction, {}, encode_and_throw), broken);
  run();
  EXPECT_TRUE(broken.failed_with(Errc::encode, Ran::no)) << broken;
  EXPECT_NE(broken.detail.find("no such thing"), std::string::npos);
  submit("after");
  ASSERT_EQ(server_->calls.size(), 2u);
  EXPECT_EQ(server_->calls[1].msg, "after") << "half of a message was sent";

  // The same while the window is full.
  Outcome& queued = outcomes_.emplace_back();
  await(StreamCall(stream_->channel(), kAction, {}, encode_and_throw), queued);
  run();
  EXPECT_TRUE(queued.failed_with(Errc::encode, Ran::no)) << queued;
  server_->answer(0);
  server_->answer(1);
  run();
}

// --- What an answer says ---------------------------------------------------------------------------------------------

TEST_F(ClientStreamTest, AnErrorOfTheHandlerArrivesExactly) {
  for (int i = 0; i < 6; ++i) submit();
  server_->send(error_number(1, 0));
  server_->send(error_number(2, 42));
  server_->send(error_number(3, static_cast<std::uint32_t>(-1)));
  server_->send(error_text(4, "no such file"));
  server_->send(error_text(5, ""));
  server_->send(error_text(6, "rpc_something_else"));
  run();
  for (const std::size_t i : {0u, 1u, 2u}) EXPECT_EQ(outcomes_[i].kind, Response::Kind::error_number);
  EXPECT_EQ(outcomes_[0].number, 0u);
  EXPECT_EQ(outcomes_[1].number, 42u);
  EXPECT_EQ(static_cast<std::int32_t>(outcomes_[2].number), -1);
  for (const std::size_t i : {3u, 4u, 5u}) EXPECT_EQ(outcomes_[i].kind, Response::Kind::error_bytes);
  EXPECT_EQ(outcomes_[3].blob, "no such file");
  EXPECT_EQ(outcomes_[4].blob, "");
  EXPECT_EQ(outcomes_[5].blob, "rpc_something_else");
  EXPECT_TRUE(stream_->is_open());
}

TEST_F(ClientStreamTest, ATextOfTheFrameworkMayHaveRun) {
  const std::vector<std::pair<const char*, Errc>> texts = {{"rpc_unreachable", Errc::unreachable},
                                                           {"rpc_io_err", Errc::connection_lost},
                                                           {"rpc_timeout", Errc::deadline_exceeded},
                                                           {"rpc_method_notfound", Errc::method_not_found},
                                                           {"rpc_service_notfound", Errc::service_not_found},
                                                           {"rpc_encode", Errc::encode},
                                                           {"rpc_decode", Errc::decode},
                                                           {"rpc_internal_err", Errc::internal},
                                                           {"rpc_invalid_ver", Errc::invalid_version},
                                                           {"rpc_overloaded", Errc::overloaded},
                                                           {"rpc_draining", Errc::draining},
                                                           {"rpc_too_large", Errc::too_large}};
  for (const auto& [text, errc] : texts) {
    Outcome& outcome = submit();
    server_->send(error_text(server_->calls.back().seq, text));
    run();
    EXPECT_TRUE(outcome.failed_with(errc, Ran::maybe)) << text << ": " << outcome;
  }
  EXPECT_TRUE(stream_->is_open());
}

TEST_F(ClientStreamTest, LateAndDoubleAnswersChangeNothingButACounter) {
  submit("first");
  submit("second", {.timeout = 500ms});
  server_->answer(0, "one");
  server_->answer(0, "two");
  run();
  EXPECT_TRUE(outcomes_[0].succeeded_with("one"));
  EXPECT_EQ(stream_->stats().responses_late, 1u);
  advance(2s);
  EXPECT_TRUE(outcomes_[1].failed_with(Errc::deadline_exceeded, Ran::maybe)) << outcomes_[1];
  server_->answer(1, "too late");
  run();
  EXPECT_EQ(stream_->stats().responses_late, 2u);
  EXPECT_TRUE(stream_->is_open());
  Outcome& after = submit("after");
  server_->answer(2, "fine");
  run();
  EXPECT_TRUE(after.succeeded_with("fine"));
}

TEST_F(ClientStreamTest, AnswersWithSeqZeroAreForOthers) {
  submit();
  server_->send(error_text(0, "rpc_draining:7"));
  run();
  EXPECT_EQ(stream_->stats().responses_control, 1u);
  server_->answer(0);
  run();
  EXPECT_TRUE(outcomes_[0].succeeded_with(""));
}

// --- Awaiting calls --------------------------------------------------------------------------------------------------

runtime::Task<void> three_at_once(ClientStream& stream, std::string& said) {
  StreamCall one = stream.call_encoded(1u, base::as_bytes("1"));
  StreamCall two = stream.call_encoded(2u, base::as_bytes("2"));
  StreamCall three = stream.call_encoded(3u, base::as_bytes("3"));
  const OwnedResponse third = co_await three;
  const OwnedResponse first = co_await one;
  const OwnedResponse second = co_await two;
  for (const OwnedResponse* answer : {&first, &second, &third}) said += base::as_text((*answer)->msg());
}

TEST_F(ClientStreamTest, CallsThatAreMadeBeforeTheyAreAwaitedArePipelined) {
  std::string said;
  world_.executor().spawn("test", three_at_once(*stream_, said));
  run();
  ASSERT_EQ(server_->calls.size(), 3u);
  server_->answer(1, "b");
  server_->answer(0, "a");
  server_->answer(2, "c");
  run();
  EXPECT_EQ(said, "abc");
}

TEST_F(ClientStreamTest, ACallMayMoveWhileItIsUnderWay) {
  connect(with_window(1));
  std::vector<StreamCall> calls;  // moves them as it grows
  for (int i = 0; i < 20; ++i) {
    calls.push_back(stream_->call_encoded(kAction, base::as_bytes(std::to_string(i))));
    run();
  }
  for (StreamCall& call : calls) await(std::move(call), outcomes_.emplace_back());
  calls.clear();
  run();
  for (std::size_t i = 0; i < 20; ++i) {
    server_->answer(i, server_->calls.at(i).msg);
    run();
  }
  for (std::size_t i = 0; i < 20; ++i) EXPECT_TRUE(outcomes_[i].succeeded_with(std::to_string(i))) << outcomes_[i];
}

TEST_F(ClientStreamTest, AnAbandonedCallKeepsItsPlaceUntilItsAnswerComes) {
  connect(with_window(1));
  {
    const StreamCall dropped = stream_->call_encoded(kAction, base::as_bytes("dropped"));
  }
  submit("next");
  EXPECT_EQ(server_->calls.size(), 1u);
  EXPECT_EQ(stream_->stats().calls_abandoned, 1u);
  EXPECT_EQ(stream_->stats().in_flight, 1u);
  server_->answer(0, "nobody reads this");
  run();
  ASSERT_EQ(server_->calls.size(), 2u);
  server_->answer(1);
  run();
}

TEST_F(ClientStreamTest, AnAbandonedCallFreesItsPlaceAtItsDeadline) {
  connect(with_window(1));
  {
    const StreamCall dropped = stream_->call_encoded(kAction, {}, {.timeout = 2s});
  }
  submit("next");
  server_takes_ = true;
  for (int i = 0; i < 4; ++i) {
    server_->answer_pings();
    advance(1s);
  }
  ASSERT_EQ(server_->calls.size(), 2u);
  server_->answer(1);
  run();
}

TEST_F(ClientStreamTest, AnAbandonedCallThatWaitsIsNeverSent) {
  connect(with_window(1));
  submit("first");
  {
    const StreamCall dropped = stream_->call_encoded(kAction, base::as_bytes("dropped"));
    run();
    EXPECT_EQ(stream_->stats().queued, 1u);
  }
  EXPECT_EQ(stream_->stats().queued, 0u);
  EXPECT_EQ(stream_->stats().queued_bytes, 0u);
  server_->answer(0);
  submit("second");
  ASSERT_EQ(server_->calls.size(), 2u);
  EXPECT_EQ(server_->calls[1].msg, "second");
  server_->answer(1);
  run();
}

TEST_F(ClientStreamTest, ACallThatIsResetIsCancelled) {
  connect(with_window(1));
  StreamCall sent = stream_->call_encoded(kAction, base::as_bytes("sent"));
  StreamCall queued = stream_->call_encoded(kAction, base::as_bytes("queued"));
  run();
  sent.reset();
  queued.reset();
  EXPECT_TRUE(sent.done());
  await(std::move(sent), outcomes_.emplace_back());
  await(std::move(queued), outcomes_.emplace_back());
  run();
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::cancelled, Ran::maybe)) << outcomes_[0];
  EXPECT_TRUE(outcomes_[1].failed_with(Errc::cancelled, Ran::no)) << outcomes_[1];
  EXPECT_EQ(server_->calls.size(), 1u);
}

// --- Tasks that are not submitted ------------------------------------------------------------------------------------

TEST_F(ClientStreamTest, ATaskThatIsDroppedCompletesAsCancelled) {
  Outcome& outcome = outcomes_.emplace_back();
  {
    const ClientTask dropped = task(kAction, "", outcome);
  }
  EXPECT_TRUE(outcome.failed_with(Errc::cancelled, Ran::no)) << outcome;
}

TEST_F(ClientStreamTest, ATaskThatMovesCompletesOnce) {
  Outcome& outcome = outcomes_.emplace_back();
  ClientTask first = task(kAction, "moved", outcome);
  ClientTask second = std::move(first);
  ClientTask third = task(kAction, "", outcomes_.emplace_back());
  third = std::move(second);
  stream_->submit(std::move(third));
  run();
  server_->answer(0, "fine");
  run();
  EXPECT_TRUE(outcome.succeeded_with("fine"));
}

TEST_F(ClientStreamTest, ACompletionThatThrowsIsReported) {
  stream_->submit(ClientTask(kAction, [](const Response&) { throw std::runtime_error("out of luck"); }));
  Outcome& second = outcomes_.emplace_back();
  second.then = [] { throw 7; };
  stream_->submit(task("Some.name", "", second));
  submit("third");
  for (std::size_t i = 0; i < 3; ++i) server_->answer(i);
  run();
  ASSERT_EQ(world_.log().errors.size(), 2u);
  EXPECT_EQ(world_.log().errors[0], "the completion of action 5 threw: out of luck");
  EXPECT_EQ(world_.log().errors[1], "the completion of Some.name threw");
  EXPECT_TRUE(outcomes_[1].succeeded_with(""));
  EXPECT_TRUE(stream_->is_open());
}

TEST_F(ClientStreamTest, CountersAgreeWithWhatHappened) {
  submit("12345");
  server_->answer(0, "abc");
  run();
  const ClientStats stats = stream_->stats();
  EXPECT_EQ(stats.calls_submitted, 1u);
  EXPECT_EQ(stats.calls_answered, 1u);
  EXPECT_EQ(stats.bytes_sent, 37u);
  EXPECT_EQ(stats.bytes_received, 23u);
  EXPECT_EQ(stats.in_flight, 0u);
  EXPECT_EQ(stats.in_flight_peak, 1u);
}

// --- Connecting ------------------------------------------------------------------------------------------------------

TEST_F(ClientStreamTest, ConnectsToWhoListensThere) {
  const runtime::Address address = runtime::Address::tcp("server", 1);
  auto listener = world_.network().listen(address);
  ASSERT_TRUE(listener);
  test::Running<base::Result<ClientStream>> connecting(ClientStream::connect(world_, address));
  run();
  ASSERT_TRUE(connecting.finished());
  base::Result<ClientStream> connected = connecting.take();
  ASSERT_TRUE(connected);
  EXPECT_EQ(connected->peer_address(), address);
}

TEST_F(ClientStreamTest, SaysWhyItCannotConnect) {
  test::Running<base::Result<ClientStream>> connecting(ClientStream::connect(world_, runtime::Address::tcp("nobody", 1)));
  run();
  ASSERT_TRUE(connecting.finished());
  EXPECT_EQ(connecting.take().error(), std::errc::connection_refused);
}

}  // namespace
}  // namespace razor::stream
