#pragma once
// Link: what leads from one host to another, in one direction: how long bytes take, how many fit, and whether anything gets
// through at all.
//
// Divergence: bytes are lost or late only where a link is cut or a host is down; a link that works loses nothing, so
// that latency is what `LinkConfig` says. Acknowledgements are never lost.

#include <algorithm>
#include <type_traits>
#include <vector>

#include "sim/engine.h"
#include "sim/rule.h"

namespace razor::sim {

/// How long a message takes: `least`, and some more, drawn anew for each.
struct Latency {
  enum class Shape : std::uint8_t {
    uniform,      ///< least .. least + spread
    exponential,  ///< least + an exponential of mean `spread`, at most 20 times that
    long_tail,    ///< as uniform, but one in a hundred takes up to 30 times the spread
  };
  base::Duration least{};
  base::Duration spread{};
  Shape shape = Shape::uniform;

  base::Duration draw(RandomStream& random) const;
};

struct LinkConfig {
  Latency latency{std::chrono::microseconds(100), std::chrono::microseconds(50)};
  std::uint64_t bytes_per_second = 0;  ///< 0: as many as come
  std::uint32_t segment_bytes_max = 65'536;  ///< a write of more arrives in several pieces
  std::uint32_t split_one_in = 16;  ///< of so many segments one arrives in two pieces, cut anywhere; 0: none
};
static_assert(std::is_trivially_copyable_v<LinkConfig>);

class Link {
 public:
  /// From one host to another. `rules` are those of the whole network.
  Link(Engine& engine, const Host& from, const Host& to, const LinkConfig& config, RandomStream random,
       const std::vector<Rule*>& rules);

  const Host& from() const { return from_; }
  const Host& to() const { return to_; }
  const std::vector<Rule*>& rules() const { return rules_; }

  const LinkConfig& config() const { return config_; }
  /// For what is sent from now on.
  void set_config(const LinkConfig& config) { config_ = config; }

  /// Nothing gets through until `heal`: what is under way is lost too, and sent again by the sender's system.
  void cut();
  void heal();
  bool is_cut() const { return is_cut_; }

  /// When bytes that are sent now arrive.
  base::TimePoint arrival(std::size_t bytes) {
    base::TimePoint sent = engine_.now();
    if (config_.bytes_per_second > 0) {
      sent = std::max(sent, free_at_) + time_for(bytes);
      free_at_ = sent;
    }
    return sent + config_.latency.draw(random_) + delay_by_rules(bytes);
  }
  base::Duration latency() { return config_.latency.draw(random_) + delay_by_rules(0); }
  /// When it was last healed; the beginning of time when it never was.
  base::TimePoint healed_at() const { return healed_at_; }
  /// Nothing was cut between then and now.
  bool let_through_since(base::TimePoint sent_at) const { return !is_cut_ && sent_at >= healed_at_; }

  RandomStream& random() { return random_; }

 private:
  base::Duration time_for(std::size_t bytes) const {
    const auto nanoseconds = static_cast<unsigned __int128>(bytes) * 1'000'000'000 / config_.bytes_per_second;
    return base::Duration(static_cast<std::int64_t>(nanoseconds));
  }

  base::Duration delay_by_rules(std::size_t bytes) {
    if (rules_.empty()) [[likely]]
      return {};
    base::Duration delay{};
    for (Rule* rule : rules_) delay += rule->delay(from_, to_, bytes);
    return delay;
  }

  Engine& engine_;
  const Host& from_;
  const Host& to_;
  const std::vector<Rule*>& rules_;
  std::uint64_t number_;
  LinkConfig config_;
  RandomStream random_;
  base::TimePoint free_at_{};
  bool is_cut_ = false;
  base::TimePoint healed_at_ = base::TimePoint::min();
};

inline base::Duration Latency::draw(RandomStream& random) const {
  if (spread <= base::Duration::zero()) return least;
  const auto bound = static_cast<std::uint64_t>(spread.count());
  const std::uint64_t bits = random.bits();
  const auto uniform = static_cast<std::int64_t>((static_cast<unsigned __int128>(bits) * bound) >> 64);
  switch (shape) {
    case Shape::uniform: return least + base::Duration(uniform);
    case Shape::long_tail: {
      if (random.below(100) != 0) return least + base::Duration(uniform);
      const std::uint64_t times = random.below(30) + 1;
      return least + spread * static_cast<std::int64_t>(times);
    }
    case Shape::exponential: break;
  }
  // In integers: each halving of chance is ln 2 of the mean, and between two halvings a straight line is near enough.
  std::int64_t halvings = 0;
  std::uint64_t rest = bits;
  while (halvings < 28 && (rest >> 63) == 0) {
    rest <<= 1;
    ++halvings;
  }
  const auto within = static_cast<std::int64_t>(((~rest << 1) >> 44) & 0xfffff);  // of 2^20 parts of one halving
  const __int128 parts = (static_cast<__int128>(halvings) << 20) + within;
  return least + base::Duration(static_cast<std::int64_t>(parts * spread.count() * 693'147 / (__int128{1'000'000} << 20)));
}

}  // namespace razor::sim
