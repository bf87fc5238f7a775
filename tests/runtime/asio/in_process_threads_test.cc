// InProcess between two Runtimes on two threads: bytes arrive in order, and neither end is woken, or touched, on the other's
// thread. What it misses, TSan finds in the same test.

#include <gtest/gtest.h>

#include "razor/runtime/asio/asio_runtime.h"
#include "razor/runtime/in_process.h"
#include "razor/runtime/when.h"
#include "tests/support/streams.h"

namespace razor::runtime {
namespace {

using base::Bytes;
using base::Result;

constexpr std::size_t kBytes = 3 * base::kMiB + 5;

// Echoes what each connection sends, until it ends.
Task<void> echo(std::unique_ptr<Listener> listener) {
  while (true) {
    Result<std::unique_ptr<ByteStream>> stream = co_await listener->accept();
    if (!stream) co_return;
    Bytes buffer(50'000);
    while (true) {
      const Result<std::size_t> got = co_await (*stream)->read(buffer);
      if (!got || *got == 0) break;
      const Result<void> written = co_await test::write_all(**stream, base::ByteView(buffer).first(*got));
      if (!written) break;
    }
    (void)(*stream)->shutdown_write();
  }
}

Task<bool> serve(Runtime& runtime, Transport& transport) {
  Result<std::unique_ptr<Listener>> listener = transport.listen(*Address::parse("@echo"));
  if (!listener) co_return false;
  runtime.executor().spawn("echo", echo(*std::move(listener)));
  co_return true;
}

Task<void> write_all_and_end(ByteStream& stream) {
  const Bytes bytes = test::Pattern::bytes(kBytes);
  const Result<void> written = co_await test::write_all(stream, bytes);
  EXPECT_TRUE(written.ok());
  EXPECT_TRUE(stream.shutdown_write());
}

Task<std::size_t> read_all(ByteStream& stream) {
  Bytes buffer(70'000);
  std::size_t count = 0;
  while (true) {
    const Result<std::size_t> got = co_await stream.read(buffer);
    if (!got || *got == 0) co_return count;
    EXPECT_TRUE(test::Pattern::matches(base::ByteView(buffer).first(*got), count));
    count += *got;
  }
}

Task<std::size_t> talk(Transport& transport) {
  Result<std::unique_ptr<ByteStream>> stream = co_await transport.connect(*Address::parse("@echo"));
  if (!stream) co_return 0;
  auto [nothing, count] = co_await when_all(write_all_and_end(**stream), read_all(**stream));
  co_return count;
}

TEST(InProcessOnThreads, BytesGoBothWaysInTheirOrder) {
  InProcess in_process;
  AsioThread server;
  AsioThread client;
  ASSERT_TRUE(server.block_on([&] { return serve(server.runtime(), in_process.on(server.runtime())); }));
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(client.block_on([&] { return talk(in_process.on(client.runtime())); }), kBytes);
  }
}

Task<bool> read_fails(Transport& transport) {
  Result<std::unique_ptr<ByteStream>> stream = co_await transport.connect(*Address::parse("@echo"));
  if (!stream) co_return false;
  const Result<void> written = co_await test::write_owned(**stream, test::Pattern::bytes(10));
  if (!written) co_return false;
  Bytes buffer(100);
  const Result<std::size_t> got = co_await (*stream)->read(buffer);
  (*stream)->reset();
  co_return got.ok() && *got > 0;
}

// A reset, and streams that go while the other end is in the middle of something, on its own thread.
TEST(InProcessOnThreads, EndsThatGoAtAnyMomentHarmNobody) {
  InProcess in_process;
  AsioThread server;
  ASSERT_TRUE(server.block_on([&] { return serve(server.runtime(), in_process.on(server.runtime())); }));
  for (int round = 0; round < 20; ++round) {
    AsioThread client;
    EXPECT_TRUE(client.block_on([&] { return read_fails(in_process.on(client.runtime())); }));
  }
}

TEST(InProcess, WhereNobodyListensIsRefusedAndTcpIsNoName) {
  InProcess in_process;
  AsioRuntime runtime;
  struct Connecting {
    static Task<std::error_code> to(Transport& transport, Address address) {
      const Result<std::unique_ptr<ByteStream>> stream = co_await transport.connect(address);
      co_return stream.error();
    }
  };
  Transport& transport = in_process.on(runtime);
  EXPECT_EQ(&transport, &in_process.on(runtime));
  EXPECT_EQ(runtime.block_on(Connecting::to(transport, *Address::parse("@nobody"))), std::errc::connection_refused);
  EXPECT_EQ(runtime.block_on(Connecting::to(transport, *Address::parse("127.0.0.1:80"))), std::errc::address_not_available);
  const Result<std::unique_ptr<Listener>> tcp = transport.listen(*Address::parse("127.0.0.1:80"));
  EXPECT_EQ(tcp.error(), std::errc::address_not_available);
  EXPECT_EQ(tcp.message(), "127.0.0.1:80: in a process, addresses are names, as \"@store\" is");
}

}  // namespace
}  // namespace razor::runtime
