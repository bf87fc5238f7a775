#pragma once
// A caller of the swarm: makes calls of every kind, alone and in bursts, through a FailoverPool or a bare ClientStream, and
// tells the ledger how each ended. It may be closed, and given other addresses, at any moment.

#include <functional>
#include <optional>

#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "tests/swarm/scene.h"

namespace razor::swarm {

class SwarmCaller {
 public:
  enum class By { pool, stream };

  /// Calls these servers, on a host of this name, at once and after each restart.
  SwarmCaller(Scene& scene, std::string name, std::vector<std::string> servers, By by);
  SwarmCaller(const SwarmCaller&) = delete;

  const std::string& name() const { return name_; }
  sim::Host& host() const { return scene_.world.host(name_); }
  /// Closes what it calls with, within `limit`, whatever is under way, and begins anew.
  void close_now(base::Duration limit);
  void update_servers(std::vector<std::string> servers);
  /// It makes no more calls, waits for the last, and closes.
  void stop();
  /// It makes no more calls, and stays as it is.
  void rest() { resting_ = true; }
  bool finished() const { return finished_; }
  /// Those it calls may lie.
  void distrust_peers() { peers_trusted_ = false; }
  /// From now on each call has to succeed: all is well again.
  void expect_success() {
    must_succeed_ = true;
    calm_specials_ = kCalmSpecials;
  }
  /// Null while there is none, and for a caller by stream.
  FailoverPool* pool() const { return pool_; }
  const std::vector<std::string>& servers() const { return servers_; }
  /// What is wrong with its bounds, as CONTRACT 22 has them; empty: nothing.
  std::string wrong_bounds() const;

 private:
  static constexpr int kCalmSpecials = 3;

  struct UnderWay;
  struct Shown;
  struct CallDraw;

  runtime::Task<void> run(Runtime& runtime);
  std::optional<FailoverPool> make_pool(Runtime& runtime) const;
  runtime::Task<void> run_with_pool(Runtime& runtime, sim::RandomStream& random);
  runtime::Task<void> run_with_stream(Runtime& runtime, sim::RandomStream& random);
  /// Until it is to close, or `go_on` says no.
  runtime::Task<void> make_calls(Runtime& runtime, stream::Channel& channel, sim::RandomStream& random,
                                 std::shared_ptr<UnderWay> under_way, std::function<bool()> go_on);
  void make_call(Runtime& runtime, stream::Channel& channel, sim::RandomStream& random,
                 const std::shared_ptr<UnderWay>& under_way, runtime::TaskScope& impatient);
  CallDraw draw_call(sim::RandomStream& random) const;
  void make_it_special(CallDraw& call, sim::RandomStream& random);
  void make_unencodable_call(stream::Channel& channel, const std::shared_ptr<UnderWay>& under_way);
  std::uint64_t submitted(const CallDraw& call);
  void check_closed(std::uint64_t id, const CallError& error) const;
  std::vector<Address> addresses() const;

  Scene& scene_;
  std::string name_;
  std::vector<std::string> servers_;
  By by_;
  bool peers_trusted_ = true;
  bool must_succeed_ = false;
  // Of calls that are large: one at a time.
  bool large_is_under_way_ = false;
  // In the calm, calls that take long and come first: a large one up, a large one down, a slow handler.
  int calm_specials_ = 0;
  bool stopping_ = false;
  bool resting_ = false;
  bool finished_ = false;
  bool closing_ = false;
  base::Duration close_limit_{};
  FailoverPool* pool_ = nullptr;
  runtime::Event* changed_ = nullptr;
};

}  // namespace razor::swarm
