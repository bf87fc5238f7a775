// crash: machines are gone at once, and up again, with their programs started anew, when the fault ends.

#include <limits>

#include "faults/conditions.h"
#include "faults/kinds/check.h"
#include "faults/kinds/kinds.h"
#include "faults/kinds/later.h"
#include "faults/kinds/rule_fault.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class CrashedHosts final : public ActiveFault {
 public:
  CrashedHosts(const Fault& fault, const FaultContext& context) {
    for (const std::string& name : fault.where) {
      sim::Host& host = context.world.host(name);
      if (host.runs()) act();
      down_.push_back(context.conditions.down(host));
    }
  }

 private:
  std::vector<Conditions::Hold> down_;
};

// Crashes a host at a bad moment.
class CrashOnTrigger : public RuleFault {
 public:
  CrashOnTrigger(const Fault& fault, const FaultContext& context)
      : RuleFault(context.world),
        host_(context.world.host(fault.where.front())),
        conditions_(context.conditions),
        later_(context.world) {}

 protected:
  const sim::Host& host() const { return host_; }
  bool is_triggered() const { return is_triggered_; }
  void crash() {
    is_triggered_ = true;
    later_.soon([this] {
      if (host_.runs()) act();
      down_ = conditions_.down(host_);
    });
  }

 private:
  sim::Host& host_;
  Conditions& conditions_;
  bool is_triggered_ = false;
  Conditions::Hold down_;
  Later later_;
};

// When its system has taken a connection, and the client does not know yet.
class CrashInHandshake final : public CrashOnTrigger {
 public:
  using CrashOnTrigger::CrashOnTrigger;

 private:
  void on_connection(const sim::Connected& made, sim::SocketConfig&) override {
    if (&made.server == &host() && !is_triggered()) crash();
  }
};

// When a part of what is written to it, or by it, has arrived. The rest does not.
class CrashInWrite final : public CrashOnTrigger {
 public:
  CrashInWrite(const Fault& fault, const FaultContext& context) : CrashOnTrigger(fault, context), random_(context.random) {}

 private:
  enum class Half { none, first_leaves, first_under_way, second_lost };

  bool is_ours(const sim::Segment& segment) const { return segment.connection == connection_ && segment.end == end_; }
  std::size_t split(const sim::Segment& segment) override {
    const bool is_at_host = &segment.from == &host() || &segment.to == &host();
    if (half_ != Half::none || !is_at_host || segment.bytes.size() < 2) return 0;
    half_ = Half::first_leaves;
    connection_ = segment.connection;
    end_ = segment.end;
    return 1 + static_cast<std::size_t>(random_.below(segment.bytes.size() - 1));
  }
  void on_segment(sim::Segment& segment) override {
    if (!is_ours(segment)) return;
    if (half_ == Half::first_leaves) {
      half_ = Half::first_under_way;
      first_ends_at_ = segment.position + segment.bytes.size();
    } else if (half_ == Half::first_under_way && segment.position == first_ends_at_) {
      half_ = Half::second_lost;
      segment.is_lost = true;
      act();
    }
  }
  void on_arrived(const sim::Segment& segment) override {
    if (half_ < Half::first_under_way || is_triggered() || !is_ours(segment)) return;
    if (segment.position + segment.bytes.size() >= first_ends_at_) crash();
  }

  base::RandomStream random_;
  Half half_ = Half::none;
  std::uint64_t connection_ = 0;
  int end_ = 0;
  base::ByteCount first_ends_at_ = 0;
};

class Crash final : public FaultKind {
 public:
  std::string_view name() const override { return "crash"; }
  std::string_view help() const override {
    return "crash HOST ... for TIME [when=now|handshake|mid_write]: down until the time is over: from now on, or, for one "
           "host, from when it is being connected to, or from the middle of the next write to it or by it";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (draw.roles.servers.empty()) return false;
    fault.where = {draw.server()};
    fault.lasts = draw.duration(10ms, 60s);
    if (draw.random.one_in(3)) {
      fault.set("when", "handshake");
    } else if (draw.random.one_in(2)) {
      fault.set("when", "mid_write");
    }
    return true;
  }
  std::string check(const Fault& fault) const override {
    const bool is_now = fault.word_of("when", "now") == "now";
    return Check(fault)
        .hosts(1, is_now ? std::numeric_limits<std::size_t>::max() : 1)
        .lasts()
        .word("when", {"now", "handshake", "mid_write"})
        .wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    const std::string_view when = fault.word_of("when", "now");
    if (when == "handshake") return std::make_unique<CrashInHandshake>(fault, context);
    if (when == "mid_write") return std::make_unique<CrashInWrite>(fault, context);
    return std::make_unique<CrashedHosts>(fault, context);
  }
};

}  // namespace

const FaultKind& crash_kind() {
  static const Crash kind;
  return kind;
}

}  // namespace razor::faults
