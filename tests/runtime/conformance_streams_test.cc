// RuntimeConformance, ByteStream: bytes, ends, resets, back-pressure and cancelled operations. A stream that lost or
// doubled bytes would break the pattern; one whose operations never ended would run into the limit of `run`.

#include <system_error>

#include "razor/runtime/task_scope.h"
#include "razor/runtime/when.h"
#include "razor/runtime/with_deadline.h"
#include "tests/runtime/conformance_test.h"
#include "tests/support/coroutine_asserts.h"
#include "tests/support/waiting.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;
using base::Bytes;
using base::ByteView;
using base::MutableBytes;
using base::Result;
using runtime::ByteStream;
using runtime::Task;
using runtime::TaskScope;
using runtime::when_all;
using runtime::when_any;
using runtime::with_deadline;

using Conformance = RuntimeConformance;

// --- Bytes -----------------------------------------------------------------------------------------------------------

constexpr std::size_t kLargeTransfer = 4 * base::kMiB + 17;

Task<void> write_in_odd_pieces(ByteStream& stream, std::size_t total) {
  const Bytes bytes = Pattern::bytes(total);
  std::size_t written = 0;
  for (std::size_t piece = 1; written < total; piece = piece * 3 % 100'003 + 1) {
    const std::size_t size = std::min(piece, total - written);
    const Result<void> result = co_await write_all(stream, ByteView(bytes).subspan(written, size));
    CO_ASSERT_TRUE(result.ok());
    written += size;
  }
  EXPECT_TRUE(stream.shutdown_write());
}

Task<void> read_in_odd_pieces(ByteStream& stream, std::size_t total) {
  Bytes buffer(100'000);
  std::size_t count = 0;
  for (std::size_t piece = 2; true; piece = piece * 5 % 99'991 + 1) {
    const Result<std::size_t> got = co_await stream.read(MutableBytes(buffer).first(piece));
    CO_ASSERT_TRUE(got.ok());
    if (*got == 0) break;
    CO_ASSERT_TRUE(*got <= piece);
    CO_ASSERT_TRUE(Pattern::matches(ByteView(buffer).first(*got), count));
    count += *got;
  }
  EXPECT_EQ(count, total);
}

Task<void> transfer_both_ways(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  co_await when_all(write_in_odd_pieces(*pair.client, kLargeTransfer), read_in_odd_pieces(*pair.client, kLargeTransfer),
                    write_in_odd_pieces(*pair.server, kLargeTransfer), read_in_odd_pieces(*pair.server, kLargeTransfer));
}

TEST_P(RuntimeConformance, BytesArriveInOrderInBothDirectionsAtOnce) { run(transfer_both_ways(*this)); }

// Only the Runtime's own streams move; what stands before another stream, or stays within the process, does not.
Task<void> move_both_ends(Conformance& test) {
  StreamPair pair = co_await test.connected_pair();
  runtime::Network& network = test.maker().runtime().network();
  const bool is_own = &test.maker().transport() == &network;
  for (std::unique_ptr<ByteStream>* end : {&pair.server, &pair.client}) {
    const runtime::Address peer = (*end)->peer_address();
    std::unique_ptr<runtime::DetachedStream> detached = (*end)->detach();
    CO_ASSERT_TRUE((detached != nullptr) == is_own);
    if (!is_own) continue;
    auto adopted = network.adopt(std::move(detached));
    CO_ASSERT_TRUE(adopted.ok());
    *end = *std::move(adopted);
    EXPECT_EQ((*end)->peer_address(), peer);
  }
  co_await when_all(write_in_odd_pieces(*pair.client, kLargeTransfer), read_in_odd_pieces(*pair.client, kLargeTransfer),
                    write_in_odd_pieces(*pair.server, kLargeTransfer), read_in_odd_pieces(*pair.server, kLargeTransfer));
}

TEST_P(RuntimeConformance, AConnectionThatIsDetachedAndAdoptedGoesOn) { run(move_both_ends(*this)); }

Task<void> drop_what_is_detached(Conformance& test) {
  StreamPair pair = co_await test.connected_pair();
  std::unique_ptr<runtime::DetachedStream> detached = pair.server->detach();
  if (detached == nullptr) co_return;
  pair.server.reset();
  detached.reset();
  Bytes buffer(10);
  const Result<std::size_t> got = co_await pair.client->read(buffer);
  EXPECT_TRUE(got.ok() && *got == 0) << "its peer sees the end";
}

TEST_P(RuntimeConformance, AConnectionThatNobodyAdoptsIsClosed) { run(drop_what_is_detached(*this)); }

Task<void> adopt_a_strangers(Conformance& test) {
  struct Stranger final : runtime::DetachedStream {};
  EXPECT_EQ(test.maker().runtime().network().adopt(std::make_unique<Stranger>()).error(),
            std::errc::operation_not_supported);
  co_return;
}

TEST_P(RuntimeConformance, AConnectionOfAnotherMakerIsNotAdopted) { run(adopt_a_strangers(*this)); }

Task<void> read_less_than_is_there(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  const Result<void> written = co_await write_owned(*pair.client, Pattern::bytes(10));
  CO_ASSERT_TRUE(written.ok());
  const bool arrived = co_await eventually(test.clock(), [&pair] { return pair.server->input_pending(); });
  CO_ASSERT_TRUE(arrived);
  Bytes buffer(100);
  std::size_t count = 0;
  while (count < 10) {
    const Result<std::size_t> got = co_await pair.server->read(MutableBytes(buffer).first(3));
    CO_ASSERT_TRUE(got.ok());
    CO_ASSERT_TRUE(*got >= 1 && *got <= 3);
    EXPECT_TRUE(Pattern::matches(ByteView(buffer).first(*got), count));
    count += *got;
    EXPECT_EQ(pair.server->input_pending(), count < 10);
  }
}

TEST_P(RuntimeConformance, AReadTakesWhatFitsAndLeavesTheRest) { run(read_less_than_is_there(*this)); }

Task<void> read_does_not_wait_for_more(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  EXPECT_FALSE(pair.server->input_pending());
  auto write_two = [](ByteStream& stream, runtime::Executor& executor) -> Task<void> {
    co_await turns(executor, 3);  // the read waits by then
    const Result<void> written = co_await write_owned(stream, Pattern::bytes(2));
    EXPECT_TRUE(written.ok());
  };
  Bytes buffer(1000);
  auto [got, nothing] = co_await when_all(pair.server->read(buffer), write_two(*pair.client, test.executor()));
  CO_ASSERT_TRUE(got.ok());
  EXPECT_GE(*got, 1u);
  EXPECT_LE(*got, 2u);
  EXPECT_TRUE(Pattern::matches(ByteView(buffer).first(*got), 0));
}

TEST_P(RuntimeConformance, AReadDoesNotWaitForItsBufferToFill) { run(read_does_not_wait_for_more(*this)); }

Task<void> gather(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  const Bytes bytes = Pattern::bytes(10'000);
  std::vector<ByteView> buffers(100);  // empty ones first: more than a maker hands to the system at once
  std::size_t used = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    buffers.push_back(ByteView(bytes).subspan(used, i % 7));
    used += i % 7;
  }
  buffers.resize(buffers.size() + 100);
  const Result<std::size_t> first = co_await pair.client->write(buffers);
  CO_ASSERT_TRUE(first.ok());
  CO_ASSERT_TRUE(*first >= 1);
  CO_ASSERT_TRUE(*first <= used);
  const Result<void> rest = co_await write_all(*pair.client, ByteView(bytes).subspan(*first, used - *first));
  EXPECT_TRUE(rest.ok());
  const Result<void> again = co_await write_all(*pair.client, buffers);
  EXPECT_TRUE(again.ok());
  const Result<Bytes> got = co_await read_up_to(*pair.server, 2 * used);
  CO_ASSERT_TRUE(got.ok());
  CO_ASSERT_EQ(got->size(), 2 * used);
  EXPECT_TRUE(Pattern::matches(ByteView(*got).first(used), 0));
  EXPECT_TRUE(Pattern::matches(ByteView(*got).subspan(used), 0));
}

// Regression: a write whose first 64 buffers were empty wrote nothing and said so, for ever.
TEST_P(RuntimeConformance, AGatheringWriteTakesAnyNumberOfBuffersAndSkipsEmptyOnes) { run(gather(*this)); }

Task<void> echo(std::unique_ptr<ByteStream> stream) {
  Bytes buffer(1000);
  while (true) {
    const Result<std::size_t> got = co_await stream->read(buffer);
    CO_ASSERT_TRUE(got.ok());
    if (*got == 0) co_return;
    const Result<void> written = co_await write_all(*stream, ByteView(buffer).first(*got));
    CO_ASSERT_TRUE(written.ok());
  }
}

Task<void> talk_to_echo(std::unique_ptr<ByteStream> stream, std::size_t offset) {
  for (int round = 0; round < 20; ++round, offset += 100) {
    const Result<void> written = co_await write_owned(*stream, Pattern::bytes(100, offset));
    CO_ASSERT_TRUE(written.ok());
    const Result<Bytes> got = co_await read_up_to(*stream, 100);
    CO_ASSERT_TRUE(got.ok());
    CO_ASSERT_TRUE(Pattern::matches(*got, offset));
  }
}

Task<void> many_streams(Conformance& test) {
  TaskScope servers(test.executor());
  std::vector<Task<void>> clients;
  for (std::size_t i = 0; i < 50; ++i) {
    StreamPair pair = co_await test.connected_pair();
    servers.spawn("echo", echo(std::move(pair.server)));
    clients.push_back(talk_to_echo(std::move(pair.client), 1000 * i));
  }
  co_await when_all(std::move(clients));
  const bool all_ended = co_await eventually(test.clock(), [&servers] { return servers.empty(); });
  EXPECT_TRUE(all_ended);
}

TEST_P(RuntimeConformance, ManyStreamsDoNotMixTheirBytes) { run(many_streams(*this)); }

// --- Ends ------------------------------------------------------------------------------------------------------------

Task<void> read_the_end(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  const Result<void> written = co_await write_owned(*pair.client, Pattern::bytes(5));
  CO_ASSERT_TRUE(written.ok());
  EXPECT_TRUE(pair.client->shutdown_write());
  const Result<Bytes> got = co_await read_to_end(*pair.server);
  CO_ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->size(), 5u);
  Bytes buffer(10);
  for (int i = 0; i < 3; ++i) {
    const Result<std::size_t> at_end = co_await pair.server->read(buffer);
    CO_ASSERT_TRUE(at_end.ok());
    EXPECT_EQ(*at_end, 0u);
  }
  EXPECT_FALSE(pair.server->input_pending());
}

TEST_P(RuntimeConformance, TheEndOfAStreamIsReadAsZeroAndStays) { run(read_the_end(*this)); }

Task<void> half_close(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  EXPECT_TRUE(pair.client->shutdown_write());
  const Result<Bytes> nothing = co_await read_to_end(*pair.server);
  CO_ASSERT_TRUE(nothing.ok());
  EXPECT_TRUE(nothing->empty());
  co_await when_all(write_in_odd_pieces(*pair.server, 1'000'000), read_in_odd_pieces(*pair.client, 1'000'000));
}

TEST_P(RuntimeConformance, AfterShutdownWriteTheOtherDirectionGoesOn) { run(half_close(*this)); }

Task<void> shut_while_the_peer_reads(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  auto shut_later = [](ByteStream& stream, runtime::Executor& executor) -> Task<void> {
    co_await turns(executor, 3);
    EXPECT_TRUE(stream.shutdown_write());
  };
  Bytes buffer(10);
  auto [got, nothing] = co_await when_all(pair.server->read(buffer), shut_later(*pair.client, test.executor()));
  CO_ASSERT_TRUE(got.ok());
  EXPECT_EQ(*got, 0u);
}

TEST_P(RuntimeConformance, AWaitingReadSeesTheEnd) { run(shut_while_the_peer_reads(*this)); }

Task<void> destroy_after_writing(Conformance& test) {
  StreamPair pair = co_await test.connected_pair();
  const Result<void> written = co_await write_owned(*pair.client, Pattern::bytes(50'000));
  CO_ASSERT_TRUE(written.ok());
  pair.client.reset();
  const Result<Bytes> got = co_await read_to_end(*pair.server);
  CO_ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->size(), 50'000u);
  EXPECT_TRUE(Pattern::matches(*got, 0));
}

TEST_P(RuntimeConformance, WhatWasWrittenBeforeAStreamIsDestroyedStillArrives) { run(destroy_after_writing(*this)); }

Task<void> write_to_a_peer_that_is_gone(Conformance& test) {
  StreamPair pair = co_await test.connected_pair();
  pair.server.reset();
  const Bytes bytes = Pattern::bytes(10'000);
  for (int i = 0; i < 1000; ++i) {
    const Result<void> written = co_await write_all(*pair.client, bytes);
    if (!written) {
      EXPECT_TRUE(written.error() == std::errc::broken_pipe || written.error() == std::errc::connection_reset)
          << written.error().message();
      co_return;
    }
    co_await turns(test.executor(), 1);
  }
  ADD_FAILURE() << "writes go on without an error";
}

TEST_P(RuntimeConformance, WritingToAPeerThatIsGoneFails) { run(write_to_a_peer_that_is_gone(*this)); }

Task<void> addresses(Conformance& test) {
  const std::unique_ptr<runtime::Listener> listener = test.listen();
  auto [client, server] = co_await when_all(test.network().connect(listener->address()), listener->accept());
  CO_ASSERT_TRUE(client.ok() && server.ok());
  EXPECT_EQ((*client)->peer_address(), listener->address());
  EXPECT_EQ((*server)->local_address(), listener->address());
  EXPECT_EQ((*server)->peer_address(), (*client)->local_address());
}

TEST_P(RuntimeConformance, BothEndsKnowEachOthersAddresses) { run(addresses(*this)); }

// --- Reset -----------------------------------------------------------------------------------------------------------

Task<void> reset_under_a_reading_peer(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  auto reset_later = [](ByteStream& stream, runtime::Executor& executor) -> Task<void> {
    co_await turns(executor, 3);
    stream.reset();
  };
  Bytes buffer(10);
  auto [got, nothing] = co_await when_all(pair.server->read(buffer), reset_later(*pair.client, test.executor()));
  if (test.maker().reset_reaches_the_peer()) {
    EXPECT_EQ(got.error(), std::errc::connection_reset);
  } else {
    EXPECT_TRUE(!got.ok() || *got == 0);
  }
}

TEST_P(RuntimeConformance, AResetEndsThePeersRead) { run(reset_under_a_reading_peer(*this)); }

// Writes until nobody takes more; adds what was taken. The write that ends with an error has taken nothing.
Task<std::error_code> write_until_it_fails(ByteStream& stream, std::size_t& written) {
  const Bytes bytes = Pattern::bytes(65'521);
  while (true) {
    const ByteView left = ByteView(bytes).subspan(written % bytes.size());
    const Result<std::size_t> result = co_await stream.write(std::span(&left, 1));
    if (!result) co_return result.error();
    written += *result;
  }
}

Task<std::error_code> read_error(ByteStream& stream) {
  Bytes buffer(10);
  const Result<std::size_t> got = co_await stream.read(buffer);
  co_return got.error();
}

// Waits until `written` grows no more: the writer waits for room.
Task<void> until_the_writer_waits(runtime::Clock& clock, const std::size_t& written) {
  std::size_t before = 0;
  do {
    before = written;
    co_await clock.sleep_for(2ms);
  } while (written == 0 || written != before);
}

Task<void> end_waiting_operations(Conformance& test, void (*end)(StreamPair&)) {
  StreamPair pair = co_await test.connected_pair();
  std::size_t written = 0;
  auto end_later = [](Conformance& running, StreamPair& streams, const std::size_t& count,
                      void (*how)(StreamPair&)) -> Task<void> {
    co_await until_the_writer_waits(running.clock(), count);
    how(streams);
  };
  auto [read, write, nothing] = co_await when_all(read_error(*pair.client), write_until_it_fails(*pair.client, written),
                                                  end_later(test, pair, written, end));
  EXPECT_EQ(read, std::errc::operation_canceled);
  EXPECT_EQ(write, std::errc::operation_canceled);
}

TEST_P(RuntimeConformance, AResetEndsTheReadAndTheWriteThatWaitHere) {
  run(end_waiting_operations(*this, [](StreamPair& pair) { pair.client->reset(); }));
}

TEST_P(RuntimeConformance, DestroyingAStreamEndsTheReadAndTheWriteThatWait) {
  run(end_waiting_operations(*this, [](StreamPair& pair) { pair.client.reset(); }));
}

Task<void> reset_without_a_reading_peer(Conformance& test) {
  StreamPair pair = co_await test.connected_pair();
  CO_ASSERT_TRUE((co_await write_owned(*pair.client, Pattern::bytes(10))).ok());
  const bool arrived = co_await eventually(test.clock(), [&pair] { return pair.server->input_pending(); });
  EXPECT_TRUE(arrived);
  EXPECT_FALSE(pair.server->is_broken());
  EXPECT_FALSE(pair.client->is_broken());
  pair.client->reset();
  EXPECT_TRUE(pair.client->is_broken());
  const bool is_known = co_await eventually(test.clock(), [&pair] { return pair.server->is_broken(); });
  EXPECT_TRUE(is_known);
  EXPECT_TRUE(pair.server->is_broken()) << "asking takes nothing away";
  const Result<Bytes> got = co_await read_to_end(*pair.server);
  if (test.maker().reset_reaches_the_peer()) {
    EXPECT_EQ(got.error(), std::errc::connection_reset) << "nor the error from the next read";
  }
}

TEST_P(RuntimeConformance, AResetIsKnownToWhoDoesNotRead) { run(reset_without_a_reading_peer(*this)); }

Task<void> half_closed_is_not_broken(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  EXPECT_TRUE(pair.client->shutdown_write());
  const Result<Bytes> nothing = co_await read_to_end(*pair.server);
  EXPECT_TRUE(nothing.ok());
  EXPECT_FALSE(pair.server->is_broken());
  EXPECT_FALSE(pair.client->is_broken());
}

TEST_P(RuntimeConformance, AHalfClosedStreamIsNotBroken) { run(half_closed_is_not_broken(*this)); }

Task<void> use_after_reset(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  pair.client->reset();
  pair.client->reset();
  std::size_t written = 0;
  const std::error_code read = co_await read_error(*pair.client);
  const std::error_code write = co_await write_until_it_fails(*pair.client, written);
  EXPECT_EQ(read, std::errc::operation_canceled);
  EXPECT_EQ(write, std::errc::operation_canceled);
  EXPECT_FALSE(pair.client->input_pending());
  EXPECT_FALSE(pair.client->shutdown_write());
}

TEST_P(RuntimeConformance, AfterAResetNothingIsReadOrWritten) { run(use_after_reset(*this)); }

// --- Back-pressure ---------------------------------------------------------------------------------------------------

Task<void> write_without_reader(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  std::size_t written = 0;
  {
    TaskScope scope(test.executor());
    auto write = [](ByteStream& stream, std::size_t& count) -> Task<void> {
      const std::error_code error = co_await write_until_it_fails(stream, count);
      ADD_FAILURE() << error.message();
    };
    scope.spawn("writer", write(*pair.client, written));
    co_await until_the_writer_waits(test.clock(), written);
    EXPECT_FALSE(scope.empty());
  }  // the write that waits is cancelled: it has written nothing
  EXPECT_LT(written, 64 * base::kMiB) << "nobody reads, and it is all buffered";

  auto write_more = [](ByteStream& stream, std::size_t offset) -> Task<void> {
    const Result<void> result = co_await write_owned(stream, Pattern::bytes(1'000'000, offset));
    EXPECT_TRUE(result.ok());
    EXPECT_TRUE(stream.shutdown_write());
  };
  auto [nothing, got] = co_await when_all(write_more(*pair.client, written), read_to_end(*pair.server));
  CO_ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->size(), written + 1'000'000);
  EXPECT_TRUE(Pattern::matches(*got, 0));
}

TEST_P(RuntimeConformance, AWriterWaitsWhileNobodyReadsAndThenEverythingArrives) { run(write_without_reader(*this)); }

// --- Cancelled operations --------------------------------------------------------------------------------------------

Task<void> append_one_read(ByteStream& stream, Bytes& all) {
  Bytes buffer(64);
  const Result<std::size_t> got = co_await stream.read(buffer);
  CO_ASSERT_TRUE(got.ok());
  all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
}

Task<void> cancel_reads(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  Bytes all;
  std::size_t written = 0;
  for (int round = 0; round < 100; ++round) {
    TaskScope scope(test.executor());
    scope.run_inline("reader", append_one_read(*pair.server, all));
    const Result<void> result = co_await write_owned(*pair.client, Pattern::bytes(10, written));
    CO_ASSERT_TRUE(result.ok());
    written += 10;
    // The turns in which the bytes are found, and the reader is woken and runs, are among these, whatever they are.
    co_await turns(test.executor(), round);
  }
  EXPECT_TRUE(pair.client->shutdown_write());
  const Result<Bytes> rest = co_await read_to_end(*pair.server);
  CO_ASSERT_TRUE(rest.ok());
  all.insert(all.end(), rest->begin(), rest->end());
  EXPECT_EQ(all.size(), written);
  EXPECT_TRUE(Pattern::matches(all, 0));
}

// Regression: bytes were moved into the buffer of a waiting read in the turn before its coroutine ran. One that was
// cancelled between the two took them with it.
TEST_P(RuntimeConformance, AReadCancelledAtAnyTurnLeavesItsBytesToTheNext) { run(cancel_reads(*this)); }

Task<void> count_one_write(ByteStream& stream, std::size_t& written) {
  const Bytes bytes = Pattern::bytes(1000, written);
  const ByteView view = bytes;
  const Result<std::size_t> result = co_await stream.write(std::span(&view, 1));
  CO_ASSERT_TRUE(result.ok());
  written += *result;
}

Task<void> fill_until_no_room(ByteStream& stream, std::size_t& written) {
  (void)co_await write_until_it_fails(stream, written);
}

Task<void> append_all_reads(ByteStream& stream, Bytes& all) {
  Bytes buffer(100'000);
  while (true) {
    const Result<std::size_t> got = co_await stream.read(buffer);
    CO_ASSERT_TRUE(got.ok());
    all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
  }
}

Task<void> cancel_writes(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  std::size_t written = 0;
  Bytes all;
  for (int round = 0; round < 3; ++round) {
    TaskScope scope(test.executor());
    scope.spawn("filler", fill_until_no_room(*pair.client, written));
    co_await until_the_writer_waits(test.clock(), written);
    scope.cancel();
    const std::size_t before = written;
    scope.run_inline("writer", count_one_write(*pair.client, written));
    scope.spawn("reader", append_all_reads(*pair.server, all));
    // Cancelled when its bytes are seen at the other end and it does not know yet; where that cannot be, when it ended.
    while (written == before && all.size() + (pair.server->input_pending() ? 1 : 0) <= before) {
      co_await turns(test.executor(), 1);
    }
  }
  EXPECT_TRUE(pair.client->shutdown_write());
  const Result<Bytes> rest = co_await read_to_end(*pair.server);
  CO_ASSERT_TRUE(rest.ok());
  all.insert(all.end(), rest->begin(), rest->end());
  EXPECT_EQ(all.size(), written);
  EXPECT_TRUE(Pattern::matches(all, 0));
}

// Regression: as for reads, but here bytes went out that the cancelled writer never knew of.
TEST_P(RuntimeConformance, AWriteThatIsCancelledHasWrittenNothing) { run(cancel_writes(*this)); }

// What has not been acknowledged; nothing where there is no machine to lose.
std::uint64_t unacknowledged_bytes(const ByteStream& stream) {
  return stream.unacknowledged().value_or(runtime::Unacknowledged{}).bytes;
}

Task<void> acknowledged_though_unread(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  const bool has_a_machine = pair.client->peer_address().family() == runtime::Address::Family::tcp;
  EXPECT_EQ(pair.client->unacknowledged().has_value(), has_a_machine);
  EXPECT_EQ(unacknowledged_bytes(*pair.client), 0u);
  const Result<void> written = co_await write_owned(*pair.client, Pattern::bytes(10));
  CO_ASSERT_TRUE(written.ok());
  const bool arrived = co_await eventually(
      test.clock(), [&pair] { return pair.server->input_pending() && unacknowledged_bytes(*pair.client) == 0; });
  EXPECT_TRUE(arrived);
  pair.client->reset();
  EXPECT_FALSE(pair.client->unacknowledged().has_value());
}

// A program that does not read is not a machine that is gone: what its system took is acknowledged, and not told as
// unacknowledged for as long as nobody reads.
TEST_P(RuntimeConformance, WhatArrivedIsAcknowledgedThoughNobodyReadsIt) { run(acknowledged_though_unread(*this)); }

Task<void> nothing_under_way_to_a_full_reader(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  const bool has_a_machine = pair.client->peer_address().family() == runtime::Address::Family::tcp;
  std::size_t written = 0;
  Bytes all;
  TaskScope scope(test.executor());
  scope.spawn("filler", fill_until_no_room(*pair.client, written));
  co_await until_the_writer_waits(test.clock(), written);
  const bool waits_here = co_await eventually(test.clock(), [&pair, has_a_machine] {
    const auto unacknowledged = pair.client->unacknowledged();
    return !has_a_machine || (unacknowledged && unacknowledged->bytes > 0 && unacknowledged->under_way == 0);
  });
  EXPECT_TRUE(waits_here);
  scope.cancel();
  scope.spawn("reader", append_all_reads(*pair.server, all));
  const bool acknowledged =
      co_await eventually(test.clock(), [&] { return all.size() == written && unacknowledged_bytes(*pair.client) == 0; });
  EXPECT_TRUE(acknowledged);
}

// Bytes for which the peer's system has no room wait on this side: that they stand still says nothing of its machine.
TEST_P(RuntimeConformance, NothingIsUnderWayToAReaderThatIsFull) { run(nothing_under_way_to_a_full_reader(*this)); }

Task<void> read_or_give_up(Conformance& test) {
  const StreamPair pair = co_await test.connected_pair();
  Bytes buffer(10);
  auto first = co_await when_any(pair.server->read(buffer), test.clock().sleep_for(2ms));
  EXPECT_EQ(first.index(), 1u);
  const Result<void> written = co_await write_owned(*pair.client, Pattern::bytes(10));
  CO_ASSERT_TRUE(written.ok());
  const Result<Bytes> got = co_await read_up_to(*pair.server, 10);
  CO_ASSERT_TRUE(got.ok());
  EXPECT_TRUE(Pattern::matches(*got, 0));
}

TEST_P(RuntimeConformance, AReadGivenUpForATimerLeavesTheStreamUsable) { run(read_or_give_up(*this)); }

}  // namespace
}  // namespace razor::test
