#pragma once
// The services of a replica: what callers ask of it, handed on, and what comes of it as they are told.

#include "replica.h"

namespace store {

class StoreService final : public Store {
 public:
  explicit StoreService(Replica& replica) : replica_(replica) {}

  razor::Call<std::optional<std::int64_t>, NotPrimary> read(std::string id, std::string key) override {
    const Done done = co_await replica_.read(std::move(id), std::move(key));
    if (done.kind == Done::Kind::not_primary) co_return razor::Fail{NotPrimary(replica_.primary())};
    if (done.kind == Done::Kind::unknown) co_return razor::Errc::internal;
    co_return done.result;
  }
  razor::Call<void, NotPrimary> write(std::string id, std::string key, std::int64_t value) override {
    const Done done = co_await replica_.change(Change(std::move(id), std::move(key), Kind::write, std::nullopt, value));
    if (done.kind == Done::Kind::not_primary) co_return razor::Fail{NotPrimary(replica_.primary())};
    if (done.kind == Done::Kind::unknown) co_return razor::Errc::internal;
    co_return {};
  }
  razor::Call<bool, NotPrimary> compare_and_set(std::string id, std::string key, std::optional<std::int64_t> expected,
                                                std::int64_t value) override {
    const Done done =
        co_await replica_.change(Change(std::move(id), std::move(key), Kind::compare_and_set, expected, value));
    if (done.kind == Done::Kind::not_primary) co_return razor::Fail{NotPrimary(replica_.primary())};
    if (done.kind == Done::Kind::unknown) co_return razor::Errc::internal;
    co_return done.result == 1;
  }
  razor::Call<std::int64_t, NotPrimary> add(std::string id, std::string key, std::int64_t amount) override {
    const Done done = co_await replica_.change(Change(std::move(id), std::move(key), Kind::add, std::nullopt, amount));
    if (done.kind == Done::Kind::not_primary) co_return razor::Fail{NotPrimary(replica_.primary())};
    if (done.kind == Done::Kind::unknown) co_return razor::Errc::internal;
    co_return *done.result;
  }

 private:
  Replica& replica_;
};

class ReplicationService final : public Replication {
 public:
  explicit ReplicationService(Replica& replica) : replica_(replica) {}

  razor::Call<Fenced> fence(std::uint64_t epoch) override { return replica_.fence(epoch); }
  razor::Call<Position> replicate(std::uint64_t epoch, std::string primary, std::vector<Entry> entries) override {
    return replica_.replicate(epoch, std::move(primary), entries);
  }
  razor::Call<Position> install(std::string primary, Snapshot snapshot) override {
    return replica_.install(std::move(primary), std::move(snapshot));
  }

 private:
  Replica& replica_;
};

class OperationsService final : public Operations {
 public:
  explicit OperationsService(Replica& replica) : replica_(replica) {}

  razor::Call<void, std::string> join(std::vector<std::string> peers) override {
    std::string wrong = replica_.join(peers);
    if (!wrong.empty()) return razor::Fail{std::move(wrong)};
    return {};
  }
  razor::Call<bool> promote(std::uint64_t epoch) override { co_return co_await replica_.promote(epoch); }
  razor::Call<Status> status() override { return replica_.status(); }
  razor::Call<std::uint64_t> record_stored() override { return replica_.record_stored(); }

 private:
  Replica& replica_;
};

/// Serves all of `replica`, which outlives the server.
inline void serve(razor::Server& server, Replica& replica) {
  server.add(std::make_shared<StoreService>(replica));
  server.add(std::make_shared<ReplicationService>(replica));
  server.add(std::make_shared<OperationsService>(replica));
}

}  // namespace store
