// Task, spawn, cancellation: without them nothing here would compile or end.
#include <gtest/gtest.h>
#include "razor/runtime/asio/asio_runtime.h"
#include "razor/runtime/event.h"
#include "razor/runtime/channel.h"
#include "razor/runtime/when.h"
#include "razor/runtime/with_deadline.h"
#include "razor/runtime/task_scope.h"

namespace razor::runtime {
namespace {
Task<int> forty_two() { co_return 42; }
Task<int> after(Clock& clock, Duration d, int v) { co_await clock.sleep_for(d); co_return v; }
TEST(Task, GivesItsResult) {
  AsioRuntime runtime;
  EXPECT_EQ(runtime.block_on(forty_two()), 42);
}
Task<int> both(AsioRuntime& r) {
  auto [a, b] = co_await when_all(after(r.clock(), std::chrono::milliseconds(3), 1), after(r.clock(), std::chrono::milliseconds(1), 2));
  auto v = co_await when_any(after(r.clock(), std::chrono::milliseconds(300), 1), after(r.clock(), std::chrono::milliseconds(1), 2));
  auto t = co_await with_deadline(r.clock(), r.clock().now() + std::chrono::milliseconds(2), after(r.clock(), std::chrono::seconds(5), 1));
  EXPECT_EQ(t.error(), std::errc::timed_out);
  co_return a * 100 + b * 10 + int(v.index());
}
TEST(Task, When) { AsioRuntime r; EXPECT_EQ(r.block_on(both(r)), 121); }
Task<void> echo(std::unique_ptr<ByteStream> s) {
  std::byte buf[100];
  while (true) { auto n = co_await s->read(buf); if (!n || *n == 0) co_return;
    ByteView v(buf, *n); EXPECT_TRUE(co_await s->write(std::span(&v, 1))); }
}
Task<void> serve(AsioRuntime& r, Listener& l) {
  while (true) { auto s = co_await l.accept(); if (!s) co_return; r.spawner().spawn("echo", echo(std::move(*s))); }
}
Task<void> talk(AsioRuntime& r, Address a) {
  auto s = co_await r.network().connect(a);
  EXPECT_TRUE(s);
  ByteView v = as_bytes("hello");
  EXPECT_TRUE(co_await (*s)->write(std::span(&v, 1)));
  std::byte buf[100];
  auto n = co_await (*s)->read(buf);
  EXPECT_EQ(as_text(ByteView(buf, *n)), "hello");
}
TEST(Task, Net) { AsioRuntime r; auto l = r.network().listen(*Address::parse("127.0.0.1:0")); ASSERT_TRUE(l);
  r.spawner().spawn("serve", serve(r, **l)); r.block_on(talk(r, (*l)->address())); }
TEST(Task, Thread) { AsioThread t; EXPECT_EQ(t.block_on([&] { return both(t.runtime()); }), 121); }
}
}
