#include "razor/stream/internal/server_connection.h"

#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"
#include "razor/stream/call_outcome.h"
#include "razor/wire/call_word.h"
#include "razor/wire/control_frame.h"
#include "razor/wire/wire_error.h"

namespace razor::stream {

using base::Errc;
using base::LogLevel;
using base::Ran;
using base::TimePoint;
using State = Drain::State;

namespace {

// Of a request that was dispatched, where who answers does not say: what it did not understand, it did not do.
Ran ran_as_said(Errc errc) {
  const bool was_understood = errc != Errc::decode && errc != Errc::method_not_found && errc != Errc::service_not_found;
  return was_understood ? Ran::yes : Ran::no;
}

}  // namespace

ServerConnection::ServerConnection(ServerCommon& server, const runtime::Address& peer, RequestHandler& handler,
                                   TimePoint accepted, ServerCallObserver* observer)
    : server_(server),
      peer_(peer),
      handler_(handler),
      observer_(observer),
      reader_(server.config.limits),
      writer_(server.config.limits),
      admission_(server.config),
      timeouts_(server.config, running_, accepted) {
  stats_.peer = peer;
}

// --- Reading ---------------------------------------------------------------------------------------------------------

void ServerConnection::on_bytes(std::size_t count, TimePoint arrived, base::Duration late_by) {
  arrived_ = arrived;
  late_by_ = late_by;
  stats_.bytes_received += count;
  server_.stats.bytes_received += count;
  if (!reads_requests()) return;  // what comes next goes into the same room: it is dropped
  reader_.commit(count);
  read_bytes_ = count;
  read_frames_ = 0;
}

ServerConnection::Progress ServerConnection::process(TimePoint now) {
  seen_ = now;
  while (reads_requests()) {
    if (!request_waits_) {
      if (admission_.must_pause(backlog())) return Progress::paused;
      const wire::RequestReader::Found found = reader_.next();
      if (found == wire::RequestReader::Found::need_more) break;
      if (found == wire::RequestReader::Found::fault) {
        on_broken_head();
        break;
      }
      ++read_frames_;
      ++frames_;
    }
    const wire::RequestFrame& frame = reader_.frame();
    const auto control = wire::control_kind(frame.head);
    if (!control && is_extended_) {
      if (!note_call(frame)) break;
      // It may be younger than that: so it is refused, which says that it did not run, and else has all of its time.
      if (deadline_ != TimePoint::max() && deadline_ - late_by_ <= now) {
        answer_expired(frame.head.seq);
        request_waits_ = false;
        continue;
      }
    }
    const Admission::Verdict verdict = control ? Admission::Verdict::dispatch : admission_.admit(load());
    // A request that waits stays in the reader: its views live until the reader is used again.
    request_waits_ = verdict == Admission::Verdict::wait;
    if (request_waits_) [[unlikely]]
      return Progress::paused;
    if (control) [[unlikely]] {
      on_control(frame, *control);
    } else {
      on_request(frame, verdict);
    }
  }
  request_waits_ = false;
  return Progress::done;
}

void ServerConnection::end_read(TimePoint now) { timeouts_.on_bytes(now, read_bytes_, read_frames_, reading()); }

void ServerConnection::on_pause(TimePoint now) {
  timeouts_.on_pause(now);
  stats_.paused = true;
  may_resume_ = false;
}

void ServerConnection::on_resume(TimePoint now, bool is_broken) {
  stats_.paused = false;
  // A connection that does not read learns of no reset. Its peer waits for none of the requests that are still in the reader.
  if (is_broken) return close("it was reset while its requests waited");
  timeouts_.on_resume(now, reading());
}

void ServerConnection::on_peer_closed(TimePoint now) {
  if (state() == State::lingering) return close("the peer closed");
  drain_.on_peer_closed();
  timeouts_.on_pause(now);
  if (is_extended_) running_.cancel_all();  // a client of ours closes once it waits for nothing
}

ServerTimeouts::Reading ServerConnection::reading() const {
  if (!reads_requests()) return ServerTimeouts::Reading::paused;
  if (reader_.partial_bytes() == 0) return ServerTimeouts::Reading::between;
  return reader_.has_partial_head() ? ServerTimeouts::Reading::body : ServerTimeouts::Reading::head;
}

Admission::Backlog ServerConnection::backlog() const {
  return {writer_.queued(), held_pongs_.size(), writer_.prompt_pongs()};
}

Admission::Load ServerConnection::load() const {
  return {.is_serving = drain_.takes_requests() && server_.takes_requests,
          .own_handlers = running_.count(),
          .all_handlers = server_.stats.handlers,
          .group_has_room = server_.member == nullptr || server_.member->may_begin()};
}

void ServerConnection::on_request(const wire::RequestFrame& frame, Admission::Verdict verdict) {
  ++server_.stats.requests;
  ++stats_.requests;
  switch (verdict) {
    case Admission::Verdict::draining:
      ++server_.stats.draining;
      return answer_failed(frame.head.seq, Failure(Errc::draining, Ran::no));
    case Admission::Verdict::overloaded:
      ++server_.stats.overloaded;
      return answer_failed(frame.head.seq, Failure(Errc::overloaded, Ran::no));
    case Admission::Verdict::wait:
    case Admission::Verdict::dispatch: break;
  }
  if (server_.config.hello == HelloMode::required && !is_extended_) [[unlikely]] {
    ++server_.stats.refused;
    return answer_failed(frame.head.seq, Failure(Errc::invalid_version, Ran::no));
  }
  if (!frame.extension.empty() && !takes_extension(frame)) [[unlikely]]
    return;
  const wire::WireFormat* format = nullptr;
  if (frame.head.format_id() != 0) [[unlikely]] {
    takes_details_ = true;
    format = server_.find_format(frame.head.format_id());
    if (format == nullptr) return answer_unknown_format(frame);
  }
  dispatch(frame, format);
}

// False: there is no memory.
bool ServerConnection::begin_call(wire::Seq seq) {
  return base::catching_bad_alloc([&] { running_.begin_call(seq, deadline_, stop_at_, std::move(extension_)); });
}

void ServerConnection::dispatch(const wire::RequestFrame& frame, const wire::WireFormat* format) {
  if (is_extended_ && !begin_call(frame.head.seq)) {
    return answer_failed(frame.head.seq, Failure(Errc::overloaded, Ran::no));
  }
  if (observer_ != nullptr && observer_->looks()) [[unlikely]] {
    if (!observe(frame, format)) return running_.forget_call(frame.head.seq);
  } else {
    running_.begin();
  }
  ++server_.stats.dispatched;
  server_.on_handler_begun();
  handler_.handle(frame, format, deadline_);
}

// False: the hook refuses it, and it is answered.
bool ServerConnection::observe(const wire::RequestFrame& frame, const wire::WireFormat* format) {
  std::optional<Refusal> refusal;
  const wire::OwnedExtension* said = extension(frame.head.seq);
  std::unique_ptr<CallObservation> call =
      observer_->on_request(frame, said == nullptr ? std::span<const wire::MetadataItem>() : said->metadata(), refusal);
  if (!refusal) {
    running_.begin(frame.head.seq, std::move(call));
    return true;
  }
  ++server_.stats.refused;
  answer_refused(frame.head.seq, *refusal, format);
  CallOutcome outcome;
  outcome.kind = refusal->errc() ? CallOutcome::Kind::failed : CallOutcome::Kind::error;
  outcome.errc = refusal->errc();
  outcome.detail = refusal->text();
  observer_->on_end(*call, refusal->errc() ? name_of(*refusal->errc()) : "error", outcome, !is_closed());
  return false;
}

void ServerConnection::answer_refused(wire::Seq seq, const Refusal& refusal, const wire::WireFormat* format) {
  if (refusal.errc()) return answer_failed(seq, Failure(*refusal.errc(), Ran::no, refusal.text()));
  if (refusal.number()) return answer_number(seq, *refusal.number());
  wire::ByteSink& sink = begin(true);
  std::optional<Errc> instead;
  try {
    refusal.encode() ? wire::encode_in(format, sink, refusal.encode()) : sink.put(refusal.bytes());
  } catch (...) {
    writer_.abandon();
    instead = wire::encode_failure().errc();
  }
  if (is_closed()) return;
  if (!instead) instead = commit_draft(seq, wire::ResponseFlag::error_bytes, {});
  if (instead) answer_failed(seq, Failure(*instead, Ran::no));
}

void ServerConnection::answer_unknown_format(const wire::RequestFrame& frame) {
  std::string why =
      base::format("the message is written in format {}, and this server reads 0 (msgpack)", frame.head.format_id());
  for (const wire::WireFormat* format : server_.formats) why += base::format(", {} ({})", format->id(), format->name());
  handler_.note_undecodable("a request", why);  // not by its name, which may be any: names are kept
  answer_failed(frame.head.seq, Failure(Errc::decode, Ran::no, why));
}

void ServerConnection::on_broken_head() {
  const wire::RequestHead& head = reader_.faulty_head();
  ++server_.stats.connections_faulty;
  const wire::FrameSizes sizes{head.name_bytes(), head.msg_bytes, head.blob_bytes};
  server_.log.log(LogLevel::info, "request from {} refused: magic {:#06x}, version {}, {}", peer_, head.magic, head.version,
                  sizes.compared_to(server_.config.limits));
  switch (reader_.fault()) {
    case wire::HeadFault::version: answer_failed(head.seq, Failure(Errc::invalid_version)); break;
    case wire::HeadFault::too_large: answer_failed(head.seq, Failure(Errc::too_large, Ran::no)); break;
    case wire::HeadFault::magic:
    case wire::HeadFault::flag:
    case wire::HeadFault::none: break;
  }
  if (!is_closed()) drain_.on_broken_frame();  // else there was no memory for the response
}

// --- Calls that say more ---------------------------------------------------------------------------------------------

// What the request says of its call. False: it breaks the protocol.
bool ServerConnection::note_call(const wire::RequestFrame& frame) {
  if (!request_waits_) {
    if (frame.head.seq <= last_seq_) {
      on_broken_order(frame.head.seq, "a request");
      return false;
    }
    last_seq_ = frame.head.seq;
  }
  deadline_ = stop_at_ = TimePoint::max();
  extension_.reset();
  if (!frame.head.has_call_word()) return true;
  const std::optional<base::Duration> left = wire::call_word_of(frame.head.client_id).time_left();
  if (!left) return true;
  deadline_ = base::saturating_add(arrived_, *left);
  stop_at_ = stop_time(deadline_, *left);
  return true;
}

// What a request is answered instead, of which the caller has said that it waits no more, or has given up, as far as the time
// is known: the response would be sent for nobody.
std::optional<Errc> ServerConnection::errc_of_unwanted(wire::Seq seq) const {
  const ServerCall* call = running_.find(seq);
  if (call == nullptr) return std::nullopt;
  if (call->is_cancelled) return Errc::cancelled;
  if (call->stop_at <= seen_) return Errc::deadline_exceeded;
  return std::nullopt;
}

// --- Pings -----------------------------------------------------------------------------------------------------------

void ServerConnection::on_ping(wire::Seq seq, bool is_prompt) {
  ++server_.stats.pings;
  if (is_prompt) {
    takes_details_ = true;
    on_put(writer_.put_prompt_pong(seq));
  } else if (!running_.empty()) {
    if (!base::catching_bad_alloc([&] { held_pongs_.hold(seq, running_.count()); })) close("out of memory for a pong");
  } else {
    answer_ping(seq);
  }
}

// The response of `answered` stands in the queue: the pongs that waited for nothing else come behind it.
void ServerConnection::release_pongs(wire::Seq answered) {
  held_pongs_.on_answered(answered, running_.count());
  while (!is_closed()) {
    const std::optional<wire::Seq> pong = held_pongs_.take_ready();
    if (!pong) break;
    answer_ping(*pong);
  }
  if (!admission_.has_too_many_pongs(backlog())) may_resume_ = true;
}

// --- Responses -------------------------------------------------------------------------------------------------------

wire::ByteSink& ServerConnection::begin(bool counts) { return writer_.begin(counts && !is_closed()); }

void ServerConnection::commit(wire::Seq seq, wire::ResponseFlag flag, base::Blob&& blob) {
  base::ByteCount bytes = 0;
  std::optional<Errc> instead;
  if (!writer_.draft_counts()) [[unlikely]] {
    ++server_.stats.responses_dropped;
  } else {
    bytes = writer_.draft_bytes() + blob.size();
    instead = errc_of_unwanted(seq);
    if (instead) [[unlikely]] {
      writer_.abandon();
    } else {
      instead = commit_draft(seq, flag, std::move(blob));
    }
    if (instead) [[unlikely]]
      answer_failed(seq, Failure(*instead, Ran::yes));
  }
  if (running_.has_observations()) [[unlikely]]
    observe_response(seq, flag, bytes, instead);
  handled(seq);
}

void ServerConnection::observe_response(wire::Seq seq, wire::ResponseFlag flag, base::ByteCount bytes,
                                        std::optional<Errc> instead) {
  CallOutcome outcome;
  if (instead) {
    outcome.kind = CallOutcome::Kind::failed;
    outcome.errc = instead;
    return end_observation(seq, name_of(*instead), outcome);
  }
  outcome.response_bytes = bytes;
  if (flag != wire::ResponseFlag::success) outcome.kind = CallOutcome::Kind::error;
  end_observation(seq, outcome.ok() ? "ok" : "error", outcome);
}

// As ResponseWriter::commit.
std::optional<Errc> ServerConnection::commit_draft(wire::Seq seq, wire::ResponseFlag flag, base::Blob&& blob) {
  const std::size_t msg_bytes = writer_.draft_bytes();
  const std::size_t blob_bytes = blob.size();
  const std::optional<Errc> instead = writer_.commit(seq, flag, std::move(blob));
  if (!instead) {
    count_response();
    if (admission_.is_beyond_bounds(writer_.queued())) close("too many responses wait for a peer that does not read");
  } else if (*instead == Errc::too_large) {
    const wire::FrameLimits& limits = server_.config.limits;
    server_.log.log(LogLevel::error, "response to {} is too large: message of {} bytes (limit {}), blob of {} (limit {})",
                    peer_, msg_bytes, limits.msg_bytes_max, blob_bytes, limits.blob_bytes_max);
  }
  return instead;
}

void ServerConnection::abandon() { writer_.abandon(); }

void ServerConnection::refuse(wire::Seq seq, const Failure& failure) {
  if (writer_.draft_counts()) {
    writer_.abandon();
    Failure certain = failure;
    if (certain.ran == Ran::maybe) certain.ran = ran_as_said(failure.errc);
    answer_failed(seq, certain);
  } else {
    ++server_.stats.responses_dropped;
  }
  if (running_.has_observations()) [[unlikely]] {
    CallOutcome outcome;
    outcome.kind = CallOutcome::Kind::failed;
    outcome.errc = failure.errc;
    outcome.ran = failure.ran;
    outcome.detail = failure.detail;
    end_observation(seq, name_of(failure.errc), outcome);
  }
  handled(seq);
}

void ServerConnection::commit_number(wire::Seq seq, std::uint32_t number) {
  if (is_closed()) {
    ++server_.stats.responses_dropped;
  } else {
    answer_number(seq, number);
  }
  if (running_.has_observations()) [[unlikely]] {
    CallOutcome outcome;
    outcome.kind = CallOutcome::Kind::error;
    end_observation(seq, base::format("error {}", number), outcome);
  }
  handled(seq);
}

void ServerConnection::answer_number(wire::Seq seq, std::uint32_t number) { on_put(writer_.put_number(seq, number)); }

void ServerConnection::answer_failed(wire::Seq seq, const Failure& failure) {
  ++server_.stats.responses_failed;
  on_put(writer_.put_failure(seq, failure, failure_form()));
}

ResponseWriter::FailureForm ServerConnection::failure_form() const {
  if (is_extended_) return ResponseWriter::FailureForm::number;
  return takes_details_ ? ResponseWriter::FailureForm::detailed : ResponseWriter::FailureForm::text;
}

void ServerConnection::answer_ping(wire::Seq seq) { on_put(writer_.put_pong(seq)); }

// A response stands in the output, unless there was no memory for it.
void ServerConnection::on_put(bool has_memory) {
  if (!has_memory) return close("out of memory for a response");
  count_response();
}

void ServerConnection::count_response() {
  ++server_.stats.responses;
  ++stats_.responses;
}

void ServerConnection::handled(wire::Seq seq) {
  server_.on_handler_ended();
  running_.end(seq);
  if (!held_pongs_.empty()) [[unlikely]]
    release_pongs(seq);
  if (request_waits_) [[unlikely]]
    may_resume_ = true;
}

void ServerConnection::end_observation(wire::Seq seq, std::string_view text, const CallOutcome& outcome) {
  const std::unique_ptr<CallObservation> call = running_.take_observation(seq);
  if (call != nullptr) observer_->on_end(*call, text, outcome, !is_closed());
}

// --- Writing and time ------------------------------------------------------------------------------------------------

void ServerConnection::on_written(std::size_t count, TimePoint now) {
  seen_ = now;
  writer_.consume(count);
  stats_.bytes_sent += count;
  server_.stats.bytes_sent += count;
  writer_.empty() ? timeouts_.on_written(now) : timeouts_.on_write_progress(now);
  if (admission_.has_drained(writer_.queued()) && !request_waits_) may_resume_ = true;
}

TimePoint ServerConnection::next_timer() const {
  return std::min({timeouts_.next_check(), timeouts_.next_sample(), drain_.linger_until(), drain_.leave_until()});
}

bool ServerConnection::wants_sample(TimePoint now) const {
  return now >= timeouts_.next_sample() || timeouts_.check(now) == ServerTimeouts::Overdue::write;
}

// While the server wants to close, the peer has its time to do so only once it has everything.
void ServerConnection::on_acknowledged(TimePoint now, const std::optional<runtime::Unacknowledged>& unacknowledged) {
  std::optional<base::ByteCount> total;
  if (unacknowledged) total = stats_.bytes_sent - std::min<base::ByteCount>(unacknowledged->bytes, stats_.bytes_sent);
  timeouts_.on_acknowledged(now, total);
  if (state() != State::lingering || drain_.linger_until() != TimePoint::max()) return;
  if (unacknowledged && unacknowledged->bytes > 0) return;
  timeouts_.on_written(now);
  drain_.on_all_acknowledged(now, server_.config.linger_timeout);
}

ServerConnection::Overdue ServerConnection::check(TimePoint now) {
  seen_ = now;
  const bool has_lingered = now >= drain_.linger_until();
  const ServerTimeouts::Overdue overdue = timeouts_.check(now);
  if (!has_lingered && overdue == ServerTimeouts::Overdue::nothing) {
    overdue_once_ = false;
    return Overdue::no;
  }
  if (!std::exchange(overdue_once_, true)) return Overdue::check_again_now;
  if (has_lingered) {
    close("it did not close after its last response");
    return Overdue::closed;
  }
  ++server_.stats.connections_overdue;
  server_.log.log(LogLevel::info, "connection of {} closed: {}", peer_, name_of(overdue));
  close(name_of(overdue));
  return Overdue::closed;
}

// --- Ending ----------------------------------------------------------------------------------------------------------

void ServerConnection::drain(bool input_pending) {
  if (!drain_.takes_requests()) return;
  if (hello_.has(wire::Feature::drain)) {
    const wire::Seq last = request_waits_ ? last_seq_ - 1 : last_seq_;
    if (!writer_.put_control(wire::drain_now(wire::ServerControl::Reason::shutdown, last))) {
      return close("out of memory for a control frame");
    }
  }
  drain_.begin(stats_.bytes_received, input_pending);
  if (request_waits_) may_resume_ = true;  // it is refused now
}

Drain::Step ServerConnection::next_step(bool input_pending) {
  return drain_.next({has_output() || !running_.empty(), stats_.paused, stats_.bytes_received, input_pending});
}

void ServerConnection::on_write_shut(TimePoint now) {
  drain_.on_write_shut();
  timeouts_.on_pause(now);
  timeouts_.on_write_begins(now);
}

void ServerConnection::close(std::string_view why) {
  if (is_closed()) return;
  drain_.on_closed();
  may_resume_ = true;
  running_.cancel_all();
  server_.log.log(LogLevel::debug, "connection of {} closed: {}", peer_, why);
}

ConnectionStats ServerConnection::stats() const {
  ConnectionStats stats = stats_;
  stats.handlers = running_.count();
  stats.bytes_queued = writer_.queued();
  return stats;
}

std::string_view name_of(ServerTimeouts::Overdue overdue) {
  switch (overdue) {
    case ServerTimeouts::Overdue::nothing: return "nothing is overdue";
    case ServerTimeouts::Overdue::first_byte: return "it never sent a byte";
    case ServerTimeouts::Overdue::idle: return "it was idle for too long";
    case ServerTimeouts::Overdue::head: return "it did not complete a head in time";
    case ServerTimeouts::Overdue::body: return "the body of its request made no progress";
    case ServerTimeouts::Overdue::write: return "it took no responses for too long";
  }
  return "?";
}

}  // namespace razor::stream
