#include "razor/stream/internal/handler_log.h"

#include <chrono>

#include "razor/base/format.h"

namespace razor::stream {

using base::LogLevel;

HandlerLog::HandlerLog(base::LogSink& log, ServerStats& stats, base::Duration slow_after)
    : log_(log), stats_(stats), slow_after_(slow_after) {
  turn_.reserve(kTurnRequestsMax);
}

// Names each method once. The number of names is bounded, since a peer may choose them.
void HandlerLog::log_slow_turn(base::Duration took, const runtime::Address& peer) {
  constexpr std::size_t kNamesMax = 64;
  const auto in_ms = [](base::Duration span) { return std::chrono::duration_cast<std::chrono::milliseconds>(span).count(); };
  std::string names;
  std::set<std::string> these;
  bool is_news = false;
  for (const wire::Action& action : turn_) {
    std::string name = action.is_name() ? std::string(action.name()) : base::format("action {}", action.number());
    if (!these.insert(name).second) continue;
    names += (names.empty() ? "" : ", ") + name;
    if (slow_.size() < kNamesMax && slow_.insert(std::move(name)).second) is_news = true;
  }
  if (!is_news) return;
  log_.log(LogLevel::warning,
           "{} {} held the server's thread for {} ms, on a request from {} (warned of above {} ms, once for each method): "
           "meanwhile nobody else was served",
           these.size() == 1 ? "the handler of" : "a handler of one of", names, in_ms(took), peer, in_ms(slow_after_));
}

void HandlerLog::on_exception(std::string_view handler, const std::exception_ptr& exception, const runtime::Address& peer) {
  ++stats_.handlers_threw;
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    log_.log(LogLevel::error, "{} threw on a request from {}: {}", handler, peer, error.what());
  } catch (...) {
    log_.log(LogLevel::error, "{} threw on a request from {}", handler, peer);
  }
}

// A peer of another version makes the same mistake with every call: a line a minute says it, the counter says how often.
void HandlerLog::on_undecodable(std::string_view method, std::string_view why, const runtime::Address& peer,
                                base::TimePoint now) {
  constexpr base::Duration kLoggedEvery = std::chrono::minutes(1);
  ++stats_.undecodable;
  const auto logged = undecodable_.find(method);
  if (logged != undecodable_.end() && now - logged->second < kLoggedEvery) return;
  undecodable_.insert_or_assign(std::string(method), now);
  log_.log(LogLevel::warning,
           "the arguments of {} from {} did not decode: {} (logged once a minute for each method; {} requests "
           "so far)",
           method, peer, why, stats_.undecodable);
}

}  // namespace razor::stream
