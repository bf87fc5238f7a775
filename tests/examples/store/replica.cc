#include "replica.h"

#include <algorithm>

namespace store {

Replica::Replica(razor::Runtime& runtime, Storage& storage, const ReplicaConfig& config, razor::HistoryRecorder* recorder)
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

std::string Replica::join(const std::vector<std::string>& peers) {
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

razor::Task<Done> Replica::change(Change wanted) {
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

razor::Task<Done> Replica::read(std::string id, std::string key) {
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

razor::Task<bool> Replica::promote(std::uint64_t epoch) {
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

std::uint64_t Replica::record_stored() const {
  for (const auto& [id, result] : current_.state.results) {
    if (recorder_ != nullptr) recorder_->stored(id);
  }
  return current_.state.results.size();
}

Fenced Replica::fence(std::uint64_t epoch) {
  if (epoch <= promised_) return Fenced(false, Snapshot());
  promise(epoch, "");
  heard_at_ = runtime_.clock().now();
  return Fenced(true, current_);
}

Position Replica::replicate(std::uint64_t epoch, std::string primary, const std::vector<Entry>& entries) {
  if (follow(epoch, std::move(primary)) && current_.epoch == epoch) {
    for (const Entry& entry : entries) {
      if (entry.version == current_.version + 1) take(entry);
    }
  }
  return position();
}

Position Replica::install(std::string primary, Snapshot snapshot) {
  if (follow(snapshot.epoch, std::move(primary)) && snapshot.is_newer_than(current_)) hold(std::move(snapshot));
  return position();
}

void Replica::start_with(const std::vector<std::string>& peers) {
  if (peers.empty()) return;
  for (const std::string& peer : peers) peers_.push_back(std::make_unique<Peer>(runtime_, *razor::Address::parse(peer)));
  heard_at_ = runtime_.clock().now();
  tasks_.spawn("store heartbeat", give_signs_of_life());
  if (config_.takeover_after > razor::Duration::zero()) tasks_.spawn("store takeover", take_over_when_silent());
}

void Replica::pulse(razor::Event& event) {
  event.set();
  event.reset();
}

void Replica::promise(std::uint64_t epoch, std::string primary) {
  if (epoch > promised_) {
    storage_.append(Promise(epoch));
    promised_ = epoch;
    is_primary_ = false;
    pulse(progress_);
    pulse(news_);
  }
  primary_ = std::move(primary);
}

std::int64_t Replica::take(const Entry& entry) {
  storage_.append(entry);
  current_.version = entry.version;
  if (is_primary_) {
    entries_.push_back(entry);
    if (entries_.size() > 2 * kEntriesKept) entries_.erase(entries_.begin(), entries_.end() - kEntriesKept);
  }
  return current_.state.apply(entry.change);
}

void Replica::hold(Snapshot snapshot) {
  storage_.append(snapshot);
  current_ = std::move(snapshot);
}

bool Replica::follow(std::uint64_t epoch, std::string primary) {
  if (epoch < promised_) return false;
  promise(epoch, std::move(primary));
  heard_at_ = runtime_.clock().now();
  return true;
}

razor::Task<void> Replica::take_over_when_silent() {
  while (true) {
    const razor::Duration patience = random_.between(config_.takeover_after, 2 * config_.takeover_after);
    while (is_primary_ || runtime_.clock().now() - heard_at_ < patience) {
      co_await runtime_.clock().sleep_for(config_.takeover_after / 10);
    }
    heard_at_ = runtime_.clock().now();
    (void)co_await promote(promised_ + 1);
  }
}

razor::Task<std::optional<Fenced>> Replica::ask_to_follow(Peer& peer, std::uint64_t epoch) {
  const razor::Reply<Fenced> answer = co_await peer.client.with({.timeout = config_.peer_timeout}).fence(epoch);
  if (!answer.ok()) co_return std::nullopt;
  co_return *answer;
}

void Replica::lead(std::uint64_t epoch, Snapshot newest) {
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

razor::Task<void> Replica::give_signs_of_life() {
  while (true) {
    co_await runtime_.clock().sleep_for(config_.heartbeat_interval);
    pulse(news_);
  }
}

razor::Task<void> Replica::keep_in_step(Peer& peer, std::uint64_t epoch) {
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

std::optional<std::vector<Entry>> Replica::entries_behind(const std::optional<std::uint64_t>& version) const {
  if (!version || *version > current_.version) return std::nullopt;
  const std::uint64_t missing = current_.version - *version;
  if (missing > entries_.size()) return std::nullopt;
  const auto begin = entries_.end() - static_cast<std::ptrdiff_t>(missing);
  return std::vector<Entry>(begin, begin + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(missing, kEntriesPerCall)));
}

void Replica::advance() {
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

std::uint64_t Replica::nth_largest(std::vector<std::uint64_t> numbers, std::size_t n) {
  if (numbers.size() < n) return 0;
  std::ranges::sort(numbers, std::greater<>());
  return numbers[n - 1];
}

}  // namespace store
