#include "razor/api/server_group.h"

#include <atomic>
#include <utility>

#include "razor/base/out_of_memory.h"
#include "razor/runtime/event.h"
#include "razor/runtime/with_deadline.h"
#include "razor/stream/least_loaded.h"

namespace razor::api {

using base::LogLevel;
using runtime::ByteStream;
using runtime::Runtime;
using runtime::Task;

namespace {

// How long another thread may take to say that its server has closed.
constexpr base::Duration kAnswerTime = std::chrono::milliseconds(5);
// A close whose limit has passed still waits so long for the turns in which the other threads cut their connections off.
constexpr base::Duration kLastTurns = std::chrono::milliseconds(1);

// Runs `work` on the thread of `runtime`; destroys it there or, when that is gone, here.
// Errors: throws std::bad_alloc.
template <class Work>
void run_on(Runtime& runtime, Work work) {
  class Posted final : public runtime::PostedTask {
   public:
    Posted(Runtime& its_runtime, Work its_work) : runtime_(its_runtime), work_(std::move(its_work)) {}
    void run() override {
      if (!base::catching_bad_alloc([this] { work_(); })) {
        runtime_.log().log(LogLevel::error, "no memory for what a ServerGroup asked of a server on another thread");
      }
      delete this;
    }
    void drop() override { delete this; }

   private:
    Runtime& runtime_;
    Work work_;
  };
  runtime.executor().post(*new Posted(runtime, std::move(work)));
}

std::uint32_t connections_max_of(const stream::ServerConfig& config, Runtime& acceptor) {
  return config.connections_max > 0 ? config.connections_max : acceptor.network().connections_max();
}

}  // namespace

// A Member holds the server of one Runtime. Only that Runtime's thread uses the server; any thread reads the load.
class ServerGroup::Member final : public stream::GroupMember {
 public:
  Member(Runtime& its_runtime, std::shared_ptr<stream::TokenPool> handlers)
      : GroupMember(std::move(handlers)), runtime(its_runtime) {}

  void start(const stream::ServerConfig& config, const std::shared_ptr<Member>& self) {
    server.emplace(runtime, config);
    server->rpc_server().join(self);
  }
  void serve(std::unique_ptr<ByteStream> stream) {
    if (!server || !base::catching_bad_alloc([&] { server->serve(std::move(stream)); })) on_closed();
  }
  void adopt(std::unique_ptr<runtime::DetachedStream> detached) {
    base::Result<std::unique_ptr<ByteStream>> stream = std::make_error_code(std::errc::not_enough_memory);
    (void)base::catching_bad_alloc([&] { stream = runtime.network().adopt(std::move(detached)); });
    if (stream.ok()) return serve(*std::move(stream));
    runtime.log().log(LogLevel::warning, "a connection that was accepted is lost: {}", stream.error().message());
    on_closed();
  }

  // On its Runtime's thread, and without memory: `self` lives until then.
  void end_there(std::shared_ptr<Member> self) {
    end_.member = std::move(self);
    runtime.executor().post(end_);
  }

  Runtime& runtime;
  std::optional<Server> server;
  std::weak_ptr<Acceptor> acceptor;

 private:
  struct End final : runtime::PostedTask {
    void run() override { end(); }
    void drop() override { end(); }  // its Runtime is gone, and the server has ended with it
    // The server keeps its member: they would hold each other for ever.
    void end() {
      const std::shared_ptr<Member> ended = std::move(member);
      ended->server.reset();
    }
    std::shared_ptr<Member> member;
  };

  void on_room() override;

  End end_;
};

namespace detail {

// A Round is one question of the first Runtime's thread to all other threads; the first waits until each has answered.
struct Round {
  explicit Round(Runtime& its_runtime) : runtime(its_runtime), one_answered(its_runtime.executor()) {}

  Runtime& runtime;
  std::size_t open = 0;  // that have not answered
  runtime::Event one_answered;
};

// In the closure that runs on another thread. Once it is gone, however that comes about, the other has answered.
class Answer {
 public:
  explicit Answer(std::shared_ptr<Round> round) : round_(std::move(round)) { ++round_->open; }
  Answer(Answer&&) = default;
  ~Answer() {
    if (round_ == nullptr) return;
    Runtime& asking = round_->runtime;
    // Without memory the round is waited for until its limit.
    (void)base::catching_bad_alloc([&] {
      run_on(asking, [round = std::move(round_)] {
        --round->open;
        round->one_answered.set();
      });
    });
  }

 private:
  std::shared_ptr<Round> round_;
};

Task<void> until_all_answered(std::shared_ptr<Round> round) {
  while (round->open > 0) {
    round->one_answered.reset();
    co_await round->one_answered.wait();
  }
}

}  // namespace detail

using detail::Answer;
using detail::Round;
using detail::until_all_answered;

// Gives each connection that the first server accepts to the one that has the fewest.
class ServerGroup::Acceptor final : public stream::ConnectionTaker, public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(const std::vector<std::shared_ptr<Member>>& members, std::uint32_t connections_max, bool serves)
      : members_(members), connections_max_(connections_max), first_(serves || members.size() == 1 ? 0 : 1) {}

  bool has_room() override {
    waits_ = true;  // before it looks, so that who closes a connection behind the look sees it
    if (connections() >= connections_max_) return false;
    waits_ = false;
    return true;
  }
  void take(std::unique_ptr<ByteStream> stream) override {
    loads_.clear();
    for (std::size_t i = first_; i < members_.size(); ++i) loads_.push_back(members_[i]->load());
    const std::shared_ptr<Member>& chosen = members_[first_ + choice_.choose(loads_)];
    if (chosen != members_.front()) {
      if (std::unique_ptr<runtime::DetachedStream> detached = stream->detach())
        return hand_over(chosen, std::move(detached));
    }
    members_.front()->on_assigned();
    members_.front()->serve(std::move(stream));
  }
  // The group ends: nobody accepts any more.
  void retire() { is_retired_ = true; }
  // A connection of any server is gone. Any thread.
  void on_room() {
    if (is_retired_ || !waits_.exchange(false)) return;
    const auto go_on = [self = shared_from_this()] {
      if (self->members_.front()->server) self->members_.front()->server->rpc_server().accept_on();
    };
    // Without memory the next connection that goes tries again.
    if (!base::catching_bad_alloc([&] { run_on(members_.front()->runtime, go_on); })) waits_ = true;
  }

 private:
  std::uint64_t connections() const {
    std::uint64_t all = 0;
    for (const std::shared_ptr<Member>& member : members_) all += member->load().connections;
    return all;
  }
  // On its way it belongs to the chosen server: were that gone, or its Runtime, it would count no more.
  static void hand_over(const std::shared_ptr<Member>& chosen, std::unique_ptr<runtime::DetachedStream> detached) {
    class OnItsWay {
     public:
      OnItsWay(std::shared_ptr<Member> to, std::unique_ptr<runtime::DetachedStream> connection)
          : member_(std::move(to)), connection_(std::move(connection)) {
        member_->on_assigned();
      }
      OnItsWay(OnItsWay&&) = default;
      ~OnItsWay() {
        if (connection_ != nullptr) member_->on_closed();
      }
      void operator()() { member_->adopt(std::move(connection_)); }

     private:
      std::shared_ptr<Member> member_;
      std::unique_ptr<runtime::DetachedStream> connection_;
    };
    run_on(chosen->runtime, OnItsWay(chosen, std::move(detached)));
  }

  const std::vector<std::shared_ptr<Member>> members_;
  const std::uint32_t connections_max_;
  const std::size_t first_;  // that gets connections
  stream::LeastLoaded choice_;
  std::vector<stream::MemberLoad> loads_;
  std::atomic<bool> waits_{false};
  std::atomic<bool> is_retired_{false};
};

void ServerGroup::Member::on_room() {
  if (const std::shared_ptr<Acceptor> there = acceptor.lock()) there->on_room();
}

struct ServerGroup::State {
  std::vector<std::shared_ptr<Member>> members;
  std::shared_ptr<Acceptor> acceptor;

  Member& first() const { return *members.front(); }
};

ServerGroup::ServerGroup(std::span<Runtime* const> runtimes, const ServerGroupConfig& config)
    : state_(std::make_shared<State>()) {
  RAZOR_CHECK(!runtimes.empty(), "a ServerGroup without a Runtime");
  stream::ServerConfig each = config.server;
  const auto shares = static_cast<std::uint32_t>(runtimes.size());
  const std::uint32_t connections_max = connections_max_of(config.server, *runtimes.front());
  each.connections_max = connections_max / shares + 1;  // of which most are taken when it is crowded
  const auto handlers = std::make_shared<stream::TokenPool>(config.server.handlers_max, shares);
  for (Runtime* runtime : runtimes) state_->members.push_back(std::make_shared<Member>(*runtime, handlers));
  state_->acceptor = std::make_shared<Acceptor>(state_->members, connections_max, config.acceptor_serves);
  for (const std::shared_ptr<Member>& member : state_->members) member->acceptor = state_->acceptor;
  state_->first().start(each, state_->members.front());
  state_->first().server->rpc_server().hand_over_to(state_->acceptor);
  for (std::size_t i = 1; i < runtimes.size(); ++i) {
    run_on(*runtimes[i], [member = state_->members[i], each] { member->start(each, member); });
  }
}

ServerGroup::~ServerGroup() {
  state_->acceptor->retire();
  state_->first().server.reset();
  for (std::size_t i = 1; i < state_->members.size(); ++i) state_->members[i]->end_there(state_->members[i]);
}

void ServerGroup::for_each_server(std::function<void(Runtime&, Server&)> prepare) {
  prepare(state_->first().runtime, *state_->first().server);
  for (std::size_t i = 1; i < state_->members.size(); ++i) {
    run_on(state_->members[i]->runtime,
           [member = state_->members[i], prepare] { prepare(member->runtime, *member->server); });
  }
}

base::Result<runtime::Address> ServerGroup::listen(const runtime::Address& address) {
  return state_->first().server->listen(address);
}

Task<void> ServerGroup::close_there(std::shared_ptr<Member> member, base::TimePoint until, Answer) {
  const base::Duration left = std::max(until - member->runtime.clock().now(), base::Duration::zero());
  if (member->server) co_await member->server->close(left);
}

Task<void> ServerGroup::close(base::Duration limit) {
  const std::shared_ptr<State> state = state_;
  Runtime& here = state->first().runtime;
  const base::TimePoint until = base::saturating_add(here.clock().now(), limit);
  // The other threads are done a little earlier, and say so in time.
  const base::TimePoint until_there = until - std::min(limit / 8, kAnswerTime);
  const auto round = std::make_shared<Round>(here);
  for (std::size_t i = 1; i < state->members.size(); ++i) {
    const std::shared_ptr<Member>& member = state->members[i];
    const bool is_told = base::catching_bad_alloc([&] {
      run_on(member->runtime, [member, until_there, answer = Answer(round)]() mutable {
        member->runtime.executor().spawn("ServerGroup::close", close_there(member, until_there, std::move(answer)));
      });
    });
    if (!is_told) here.log().log(LogLevel::error, "no memory to close a server of a group: it ends with the group");
  }
  co_await state->first().server->close(limit);
  const base::TimePoint last = base::saturating_add(until, kLastTurns);
  (void)co_await runtime::with_deadline(here.clock(), last, until_all_answered(round));
}

Task<stream::ServerStats> ServerGroup::stats() const {
  const std::shared_ptr<State> state = state_;
  const auto round = std::make_shared<Round>(state->first().runtime);
  // Each thread writes the counters of its server here before it answers.
  const auto all = std::make_shared<std::vector<stream::ServerStats>>(state->members.size());
  all->front() = state->first().server->stats();
  for (std::size_t i = 1; i < state->members.size(); ++i) {
    run_on(state->members[i]->runtime, [member = state->members[i], all, i, answer = Answer(round)] {
      if (member->server) (*all)[i] = member->server->stats();
    });
  }
  co_await until_all_answered(round);
  stream::ServerStats sum;
  for (const stream::ServerStats& one : *all) sum += one;
  co_return sum;
}

std::vector<stream::MemberLoad> ServerGroup::loads() const {
  std::vector<stream::MemberLoad> all;
  for (const std::shared_ptr<Member>& member : state_->members) all.push_back(member->load());
  return all;
}

}  // namespace razor::api
