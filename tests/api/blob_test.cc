// Blobs as parameters and results: they travel beside the message, whole, whatever the codec, and large ones without a copy.
// Fails when a blob gets into the message, into another call, or is copied or kept longer than it is needed.

#include "razor/json/json_format.h"
#include "tests/api/another_thread.h"
#include "tests/api/service_fixture.h"

namespace razor::test {
namespace {

struct Files {
  virtual Call<std::uint64_t, std::string> put(std::string name, Blob content, int version) = 0;
  virtual Call<Blob, std::string> get(std::string name) = 0;
  virtual Call<std::pair<Item, Blob>> describe(std::string name) = 0;
  virtual Call<std::uint64_t> size_of(Blob content) = 0;
  virtual Call<Blob> slowly(Blob content) = 0;
  RAZOR_SERVICE(Files, put, get, describe, size_of, slowly)
};

class FilesImpl final : public Files {
 public:
  explicit FilesImpl(runtime::Clock& clock) : clock_(clock) {}

  Call<std::uint64_t, std::string> put(std::string name, Blob content, int version) override {
    if (version < 0) return Fail{"no such version"};
    const std::uint64_t size = content.size();
    files[name] = std::move(content);
    return size;
  }
  Call<Blob, std::string> get(std::string name) override {
    if (!files.contains(name)) return Fail{"no file " + name};
    return files[name];
  }
  Call<std::pair<Item, Blob>> describe(std::string name) override {
    return std::pair(Item(static_cast<int>(files[name].size()), name), files[name]);
  }
  Call<std::uint64_t> size_of(Blob content) override { return content.size(); }
  Call<Blob> slowly(Blob content) override {
    co_await clock_.sleep_for(1ms);
    co_return content;
  }

  std::map<std::string, Blob> files;

 private:
  runtime::Clock& clock_;
};

Blob pattern(std::size_t bytes) {
  Bytes content(bytes);
  for (std::size_t i = 0; i < bytes; ++i) content[i] = static_cast<std::byte>(i * 7 + i / 251);
  return Blob(std::move(content));
}

Task<void> use(const Client<Files> files, const std::size_t bytes) {
  const Blob content = pattern(bytes);
  const auto size = co_await files.put("a", content, 1);
  CO_ASSERT_TRUE(size.ok());
  EXPECT_EQ(*size, bytes);
  const auto got = co_await files.get("a");
  CO_ASSERT_TRUE(got.ok());
  EXPECT_EQ(*got, content);
  const auto described = co_await files.describe("a");
  CO_ASSERT_TRUE(described.ok());
  EXPECT_EQ(described->first, Item(static_cast<int>(bytes), "a"));
  EXPECT_EQ(described->second, content);
  const auto counted = co_await files.size_of(content);
  CO_ASSERT_TRUE(counted.ok());
  EXPECT_EQ(*counted, bytes);
  const auto slow = co_await files.slowly(content);
  CO_ASSERT_TRUE(slow.ok());
  EXPECT_EQ(*slow, content);

  const auto refused = co_await files.put("a", content, -1);
  CO_ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error(), "no such version");
  const auto missing = co_await files.get("b");
  CO_ASSERT_TRUE(missing.has_error());
  EXPECT_EQ(missing.error(), "no file b");
}

class BlobTest : public ServiceTest {
 protected:
  BlobTest() {
    server.add(impl);
    server.accept_format(json_format());
    pool.emplace(runtime, address);
  }
  ~BlobTest() override { runtime.block_on(pool->close(1s)); }

  std::shared_ptr<FilesImpl> impl = std::make_shared<FilesImpl>(runtime.clock());
  std::optional<ClientPool> pool;
};

TEST_F(BlobTest, AnySizeTravelsBothWays) {
  for (const std::size_t bytes : {0u, 1u, 16u * 1024 - 1, 16u * 1024, 32u * 1024 + 1, 1024u * 1024, 64u * 1024 * 1024}) {
    run(use(Client<Files>(*pool), bytes));
  }
}

TEST_F(BlobTest, OverAStreamInJsonAndInThisProcess) {
  for (const std::size_t bytes : {0u, 100u, 100'000u}) {
    run(use(Client<Files>(*stream), bytes));
    run(use(Client<Files>(*pool, json_format()), bytes));
    run(use(Client<Files>(std::static_pointer_cast<Files>(impl)), bytes));
  }
}

TEST_F(BlobTest, ForCallersThatWait) {
  const Client<Files> files(*pool);
  run(on_another_thread(runtime, [&files] {
    const Blob content = pattern(100'000);
    EXPECT_EQ(*files.blocking.put("a", content, 1), 100'000u);
    EXPECT_EQ(*files.blocking.get("a"), content);
  }));
}

// Over a RemoteChannel an answer changes threads: its blob goes along.
Task<void> use_remotely(Runtime& home, ClientPool& pool, bool& done) {
  RemoteChannel remote(home, pool);
  co_await use(Client<Files>(remote), 100'000);
  done = true;
}

TEST_F(BlobTest, OnAnotherThread) {
  AsioThread home;
  bool done = false;
  run(on_another_thread(runtime, [&] { home.block_on([&] { return use_remotely(home.runtime(), *pool, done); }); }));
  EXPECT_TRUE(done);
}

// Nothing of it is in the message: the list of parameters is as long as if it were not there.
struct Recorder final : Dispatch {
  void dispatch(const Request& request, Responder respond) override {
    message = Bytes(request.msg.begin(), request.msg.end());
    blob = request.take_blob();
    respond.reply(std::uint64_t{blob.size()});
  }
  Bytes message;
  Blob blob;
};
Task<void> put_and_count(const Client<Files> files) {
  const Blob content = Blob::copy_of("content");
  (void)co_await files.put("a", content, 1);
}
Task<void> count(const Client<Files> files) {
  const Blob content = Blob::copy_of("content");
  (void)co_await files.size_of(content);
}

TEST_F(BlobTest, TravelsBesideTheMessage) {
  Recorder recorder;
  stream::RpcServer recording(runtime, recorder);
  const Address at = *recording.listen(*Address::parse("127.0.0.1:0"));
  ClientStream to = *runtime.block_on(ClientStream::connect(runtime, at));
  run(put_and_count(Client<Files>(to)));
  EXPECT_EQ(recorder.message, wire::encoded(std::tuple(std::string("a"), 1)));
  EXPECT_EQ(as_text(recorder.blob), "content");
  run(count(Client<Files>(to)));
  EXPECT_EQ(recorder.message, wire::encoded(Unit()));
}

// A large one lies where its frame was read, and stays there when the connection has gone.
TEST_F(BlobTest, LivesOnWithoutItsConnection) {
  run(use(Client<Files>(*stream), 1'000'000));
  const Blob kept = impl->files["a"];
  stream.reset();
  run(use(Client<Files>(*pool), 10));
  EXPECT_EQ(kept, pattern(1'000'000));
}

struct Page {
  explicit Page(int& live_pages) : live(live_pages) { ++live; }
  ~Page() { --live; }
  int& live;
  Bytes bytes = Bytes(100'000, std::byte{7});
};
Task<void> put_borrowed(const Client<Files> files, int& live) {
  {
    auto page = std::make_shared<Page>(live);
    const Blob content = Blob::borrow(page->bytes, page);
    page.reset();
    auto size = files.size_of(content);
    EXPECT_EQ(live, 1);
    const auto counted = co_await std::move(size);
    CO_ASSERT_TRUE(counted.ok());
    EXPECT_EQ(*counted, 100'000u);
  }
  EXPECT_EQ(live, 0);  // nothing of the library keeps it
}

TEST_F(BlobTest, WhatIsBorrowedIsKeptForTheCallAndNoLonger) {
  int live = 0;
  run(put_borrowed(Client<Files>(*pool), live));
  run(put_borrowed(Client<Files>(*stream), live));
  static const Bytes forever(50'000, std::byte{1});
  const auto put = [](const Client<Files> files) -> Task<void> {
    const Blob content = Blob::borrow_static(forever);
    const auto size = co_await files.size_of(content);
    CO_ASSERT_TRUE(size.ok());
    EXPECT_EQ(*size, 50'000u);
  };
  run(put(Client<Files>(*pool)));
}

TEST_F(BlobTest, AboveItsLimitNothingRuns) {
  const auto put = [](const Client<Files> files) -> Task<void> {
    const Blob content = pattern(64 * 1024 * 1024 + 1);
    const auto size = co_await files.size_of(content);
    CO_ASSERT_TRUE(size.has_call_error());
    EXPECT_EQ(size.call_error().errc(), Errc::too_large);
    EXPECT_EQ(size.call_error().ran(), Ran::no);
  };
  run(put(Client<Files>(*pool)));
  run(put(Client<Files>(*stream)));
}

}  // namespace
}  // namespace razor::test
