#pragma once
// Replica: one of several that hold the same state, of which one, the primary, decides in which order it changes.
//
// - A primary has an epoch. Who wants to be the primary of a new epoch fences a majority: its members follow no earlier one from
//   then on, and say what they hold. The candidate adopts the newest of that, which has all that was ever acknowledged.
// - A change is acknowledged once a majority holds it; a read is answered once a majority has said, after it came, that the epoch
//   still holds. So neither needs a clock. Clocks decide only when a replica that hears no primary tries to become one.
// - What a majority does not confirm is answered `internal` when the primary is no longer one: nobody knows what becomes of it.

#include <algorithm>
#include <memory>

#include "razor/history/history_recorder.h"
#include "razor/razor.h"
#include "services.h"
#include "storage.h"

namespace store {

using namespace std::chrono_literals;

/// What can be planted to see whether it is found.
enum class Bug {
  none,
  acknowledge_early,  ///< a change is acknowledged before it is replicated
  stale_read,  ///< a read is answered without asking the majority
  run_twice,  ///< ids of changes are forgotten: a change that is asked for again is made again
};
inline std::optional<Bug> bug_named(std::string_view name) {
  if (name.empty() || name == "none") return Bug::none;
  if (name == "acknowledge_early") return Bug::acknowledge_early;
  if (name == "stale_read") return Bug::stale_read;
  if (name == "run_twice") return Bug::run_twice;
  return std::nullopt;
}

struct ReplicaConfig {
  /// From one sign of life of the primary to the next.
  razor::Duration heartbeat_interval = 100ms;
  /// How long another replica has to answer.
  razor::Duration peer_timeout = 300ms;
  /// After hearing no primary for so long, or up to twice as long, a replica tries to become one; zero: only by `promote`.
  razor::Duration takeover_after = 500ms;
  Bug bug = Bug::none;
};

/// How a call of a client ended.
struct Done {
  enum class Kind { done, not_primary, unknown };
  Kind kind = Kind::unknown;
  std::optional<std::int64_t> result;
};

class Replica {
 public:
  /// What the changes since the last snapshot are kept for; a peer that lacks more of them gets all of the state.
  static constexpr std::size_t kEntriesKept = 1000;
  static constexpr std::size_t kEntriesPerCall = 100;

  /// `runtime`, `storage` and `recorder` outlive the replica. Without a `recorder` nothing is recorded.
  Replica(razor::Runtime& runtime, Storage& storage, const ReplicaConfig& config, razor::HistoryRecorder* recorder = nullptr)
      : runtime_(runtime),
        storage_(storage),
        config_(config),
        recorder_(recorder),
        random_(runtime.random().seed_for("takeover")),
        news_(runtime.executor()),
        progress_(runtime.executor()),
        tasks_(runtime.executor()) {
    Stored stored = storage_.load();
    promised_ = stored.promised;
    current_ = std::move(stored.current);
    start_with(stored.peers);
  }
  Replica(const Replica&) = delete;

  /// Where clients find it.
  void set_address(std::string address) { self_ = std::move(address); }

  /// Empty: it has joined them, unless it has joined others before; else what is wrong.
  std::string join(const std::vector<std::string>& peers) {
    if (peers.empty()) return "no peers";
    for (const std::string& peer : peers) {
      const auto address = razor::Address::parse(peer);
      if (!address) return address.message();
    }
    if (peers_.empty()) {
      storage_.append(Peers(peers));
      start_with(peers);
    }
    return {};
  }

  // --- For clients
  razor::Task<Done> change(Change wanted) {
    if (recorder_ != nullptr) recorder_->ran(wanted.id);
    if (!is_primary_) co_return Done{Done::Kind::not_primary, {}};
    const std::uint64_t epoch = promised_;
    const auto known = current_.state.results.find(wanted.id);
    const bool is_known = known != current_.state.results.end() && config_.bug != Bug::run_twice;
    std::int64_t result = 0;
    if (is_known) {
      result = known->second;
    } else {
      result = take(Entry(current_.version + 1, wanted));
      pulse(news_);
    }
    const std::uint64_t version = current_.version;
    advance();
    if (config_.bug != Bug::acknowledge_early) {
      while (leads(epoch) && replicated_ < version) co_await progress_.wait();
      if (!leads(epoch)) co_return Done{Done::Kind::unknown, {}};
    }
    if (recorder_ != nullptr && !is_known) recorder_->applied(wanted.id);
    co_return Done{Done::Kind::done, result};
  }

  razor::Task<Done> read(std::string id, std::string key) {
    if (recorder_ != nullptr) recorder_->ran(id);
    if (!is_primary_) co_return Done{Done::Kind::not_primary, {}};
    const std::uint64_t epoch = promised_;
    const auto found = current_.state.values.find(key);
    std::optional<std::int64_t> value;
    if (found != current_.state.values.end()) value = found->second;
    if (config_.bug != Bug::stale_read) {
      // What it has read must be replicated, too: else it might be lost again.
      const std::uint64_t version = current_.version;
      const std::uint64_t question = ++asked_;
      pulse(news_);
      advance();
      while (leads(epoch) && (confirmed_ < question || replicated_ < version)) co_await progress_.wait();
      if (!leads(epoch)) co_return Done{Done::Kind::unknown, {}};
    }
    co_return Done{Done::Kind::done, value};
  }

  /// The primary that it knows of; empty: none.
  const std::string& primary() const { return primary_; }

  // --- For who runs the store
  razor::Task<bool> promote(std::uint64_t epoch) {
    if (peers_.empty() || epoch <= promised_) co_return false;
    promise(epoch, "");
    std::vector<razor::Task<std::optional<Fenced>>> questions;
    for (const auto& peer : peers_) questions.push_back(ask_to_follow(*peer, epoch));
    const std::vector<std::optional<Fenced>> answers = co_await razor::when_all(std::move(questions));
    if (promised_ != epoch) co_return false;  // somebody else was quicker
    std::size_t followers = 1;
    Snapshot newest = current_;
    for (const std::optional<Fenced>& answer : answers) {
      if (!answer || !answer->is_granted) continue;
      ++followers;
      if (answer->newest.is_newer_than(newest)) newest = answer->newest;
    }
    if (followers < majority()) co_return false;
    lead(epoch, std::move(newest));
    co_return true;
  }

  Status status() const { return Status(promised_, current_.epoch, current_.version, is_primary_); }

  std::uint64_t record_stored() const {
    for (const auto& [id, result] : current_.state.results) {
      if (recorder_ != nullptr) recorder_->stored(id);
    }
    return current_.state.results.size();
  }

  // --- For other replicas
  Fenced fence(std::uint64_t epoch) {
    if (epoch <= promised_) return Fenced(false, Snapshot());
    promise(epoch, "");
    heard_at_ = runtime_.clock().now();
    return Fenced(true, current_);
  }

  Position replicate(std::uint64_t epoch, std::string primary, const std::vector<Entry>& entries) {
    if (follow(epoch, std::move(primary)) && current_.epoch == epoch) {
      for (const Entry& entry : entries) {
        if (entry.version == current_.version + 1) take(entry);
      }
    }
    return position();
  }

  Position install(std::string primary, Snapshot snapshot) {
    if (follow(snapshot.epoch, std::move(primary)) && snapshot.is_newer_than(current_)) hold(std::move(snapshot));
    return position();
  }

 private:
  // Another replica, as the primary sees it.
  struct Peer {
    Peer(razor::Runtime& runtime, const razor::Address& address) : pool(runtime, address), client(pool) {}

    razor::ClientPool pool;
    razor::Client<Replication> client;
    // In this epoch: how far it has followed, none where it holds a state of an earlier one; and the last question of a read to
    // which it has said that the epoch holds.
    std::optional<std::uint64_t> version;
    std::uint64_t confirmed = 0;
  };

  void start_with(const std::vector<std::string>& peers) {
    if (peers.empty()) return;
    for (const std::string& peer : peers) peers_.push_back(std::make_unique<Peer>(runtime_, *razor::Address::parse(peer)));
    heard_at_ = runtime_.clock().now();
    tasks_.spawn("store heartbeat", give_signs_of_life());
    if (config_.takeover_after > razor::Duration::zero()) tasks_.spawn("store takeover", take_over_when_silent());
  }

  std::size_t majority() const { return (peers_.size() + 1) / 2 + 1; }
  bool leads(std::uint64_t epoch) const { return is_primary_ && promised_ == epoch; }
  Position position() const { return Position(promised_, current_.epoch, current_.version); }

  // Wakes all who wait now.
  static void pulse(razor::Event& event) {
    event.set();
    event.reset();
  }

  // --- State, and the storage with it
  void promise(std::uint64_t epoch, std::string primary) {
    if (epoch > promised_) {
      storage_.append(Promise(epoch));
      promised_ = epoch;
      is_primary_ = false;
      pulse(progress_);
      pulse(news_);
    }
    primary_ = std::move(primary);
  }

  std::int64_t take(const Entry& entry) {
    storage_.append(entry);
    current_.version = entry.version;
    if (is_primary_) {
      entries_.push_back(entry);
      if (entries_.size() > 2 * kEntriesKept) entries_.erase(entries_.begin(), entries_.end() - kEntriesKept);
    }
    return current_.state.apply(entry.change);
  }

  void hold(Snapshot snapshot) {
    storage_.append(snapshot);
    current_ = std::move(snapshot);
  }

  // --- As a follower
  // False: the sender's epoch is over.
  bool follow(std::uint64_t epoch, std::string primary) {
    if (epoch < promised_) return false;
    promise(epoch, std::move(primary));
    heard_at_ = runtime_.clock().now();
    return true;
  }

  razor::Task<void> take_over_when_silent() {
    while (true) {
      const razor::Duration patience = random_.between(config_.takeover_after, 2 * config_.takeover_after);
      while (is_primary_ || runtime_.clock().now() - heard_at_ < patience) {
        co_await runtime_.clock().sleep_for(config_.takeover_after / 10);
      }
      heard_at_ = runtime_.clock().now();
      (void)co_await promote(promised_ + 1);
    }
  }

  // --- As a candidate
  razor::Task<std::optional<Fenced>> ask_to_follow(Peer& peer, std::uint64_t epoch) {
    const razor::Reply<Fenced> answer = co_await peer.client.with({.timeout = config_.peer_timeout}).fence(epoch);
    if (!answer.ok()) co_return std::nullopt;
    co_return *answer;
  }

  // --- As the primary
  // What it adopts is acknowledged to nobody before a majority holds it as a state of this epoch.
  void lead(std::uint64_t epoch, Snapshot newest) {
    newest.epoch = epoch;
    hold(std::move(newest));
    is_primary_ = true;
    primary_ = self_;
    entries_.clear();
    replicated_ = 0;
    confirmed_ = asked_;
    for (const auto& peer : peers_) {
      peer->version.reset();
      peer->confirmed = asked_;
      tasks_.spawn("store replication", keep_in_step(*peer, epoch));
    }
    advance();
  }

  razor::Task<void> give_signs_of_life() {
    while (true) {
      co_await runtime_.clock().sleep_for(config_.heartbeat_interval);
      pulse(news_);
    }
  }

  razor::Task<void> keep_in_step(Peer& peer, std::uint64_t epoch) {
    while (leads(epoch)) {
      const std::uint64_t asked = asked_;
      std::optional<razor::Reply<Position>> reply;
      const auto options = razor::CallOptions{.timeout = config_.peer_timeout};
      if (const auto entries = entries_behind(peer.version)) {
        reply = co_await peer.client.with(options).replicate(epoch, self_, *entries);
      } else {
        reply = co_await peer.client.with(options).install(self_, current_);
      }
      if (!leads(epoch)) co_return;
      if (reply->ok() && (*reply)->promised > epoch) {
        promise((*reply)->promised, "");
        co_return;
      }
      if (reply->ok()) {
        peer.version.reset();
        if ((*reply)->epoch == epoch) peer.version = (*reply)->version;
        peer.confirmed = asked;
        advance();
      }
      const bool is_in_step = peer.version == current_.version && peer.confirmed == asked_;
      if (!reply->ok() || is_in_step) co_await news_.wait();
    }
  }

  // The next changes for a peer that has those up to `version`; none where it takes a snapshot.
  std::optional<std::vector<Entry>> entries_behind(const std::optional<std::uint64_t>& version) const {
    if (!version || *version > current_.version) return std::nullopt;
    const std::uint64_t missing = current_.version - *version;
    if (missing > entries_.size()) return std::nullopt;
    const auto begin = entries_.end() - static_cast<std::ptrdiff_t>(missing);
    return std::vector<Entry>(begin, begin + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(missing, kEntriesPerCall)));
  }

  // What a majority has, itself included.
  void advance() {
    std::vector<std::uint64_t> versions = {current_.version};
    std::vector<std::uint64_t> confirmed = {asked_};
    for (const auto& peer : peers_) {
      if (peer->version) versions.push_back(*peer->version);
      confirmed.push_back(peer->confirmed);
    }
    replicated_ = nth_largest(std::move(versions), majority());
    confirmed_ = nth_largest(std::move(confirmed), majority());
    pulse(progress_);
  }

  static std::uint64_t nth_largest(std::vector<std::uint64_t> numbers, std::size_t n) {
    if (numbers.size() < n) return 0;
    std::ranges::sort(numbers, std::greater<>());
    return numbers[n - 1];
  }

  razor::Runtime& runtime_;
  Storage& storage_;
  const ReplicaConfig config_;
  razor::HistoryRecorder* recorder_;
  razor::base::RandomStream random_;
  std::string self_;
  std::vector<std::unique_ptr<Peer>> peers_;

  std::uint64_t promised_ = 0;  // the largest epoch that it follows, leads, or wants to lead
  Snapshot current_;
  std::string primary_;
  razor::TimePoint heard_at_{};

  bool is_primary_ = false;  // of the epoch that it has promised
  std::vector<Entry> entries_;
  std::uint64_t asked_ = 0;  // questions of reads whether the epoch holds
  std::uint64_t replicated_ = 0;  // the version that a majority has
  std::uint64_t confirmed_ = 0;  // the question that a majority has answered
  razor::Event news_;  // there is something to tell the peers
  razor::Event progress_;  // replicated_, confirmed_ or is_primary_ has changed
  razor::runtime::TaskScope tasks_;  // last: they use all of it
};

// --- The services of a replica

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
