#include "razor/history/history_recorder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "razor/base/format.h"

namespace razor::history {
namespace {

constexpr int kFormat = 1;
constexpr std::size_t kLineBytesMax = 1 << 20;
constexpr std::size_t kNameBytesMax = 256;
constexpr std::string_view kTornMark = "#torn\n";

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = utf8_character_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

// Empty: it is one.
std::string why_no_name(std::string_view what, std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax) {
    return base::format("{} has {} bytes: 1 to {} are allowed", what, name.size(), kNameBytesMax);
  }
  return is_utf8(name) ? std::string() : base::format("{} is no UTF-8", what);
}

// Never more than a history holds, and never negative: a timeout may be any.
std::int64_t deadline_ns(std::int64_t at_ns, base::Duration timeout) {
  const base::TimePoint deadline = base::saturating_add(base::TimePoint(base::Duration(at_ns)), timeout);
  return std::max<std::int64_t>(deadline.time_since_epoch().count(), 0);
}

std::string text_of(int error) { return std::system_category().message(error); }

// The system call again where a signal came first.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// A writer that was killed, or found the disk full, leaves a last line without its end: readers skip what ends with the mark.
// The lock is against another process that opens the file at the same time. False: see errno.
bool end_torn_line(int descriptor) {
  if (uninterrupted([&] { return ::flock(descriptor, LOCK_EX); }) != 0) return false;
  bool is_done = true;
  struct stat file{};
  char last = '\n';
  if (::fstat(descriptor, &file) != 0) {
    is_done = false;
  } else if (file.st_size > 0) {
    is_done = uninterrupted([&] { return ::pread(descriptor, &last, 1, file.st_size - 1); }) >= 0;
  }
  if (is_done && last != '\n') {
    is_done = uninterrupted([&] { return ::write(descriptor, kTornMark.data(), kTornMark.size()); }) ==
              static_cast<ssize_t>(kTornMark.size());
  }
  const int error = errno;
  (void)::flock(descriptor, LOCK_UN);
  errno = error;
  return is_done;
}

}  // namespace

// A line that is being made: the first thing that is wrong with it is kept, and it is not written.
class HistoryRecorder::Line {
 public:
  Line(std::string_view type, std::string_view process) {
    text_ = base::format("{{\"type\":\"{}\"", type);
    name("process", process);
  }

  void name(std::string_view field, std::string_view value) {
    refuse(why_no_name(field, value));
    text(field, value);
  }
  void text(std::string_view field, std::string_view value) {
    begin(field);
    append_json_text(text_, value);
  }
  void number(std::string_view field, std::int64_t value) {
    begin(field);
    text_ += std::to_string(value);
  }
  void value(std::string_view field, const HistoryValue& value) {
    begin(field);
    if (!append_json(text_, value)) {
      refuse(base::format("{} has what JSON cannot hold: a number that is not finite, or too many lists in lists", field));
    }
  }
  void refuse(std::string why) {
    if (why_not_.empty()) why_not_ = std::move(why);
  }

  const std::string& why_not() const { return why_not_; }
  std::string_view finished() {
    text_ += "}\n";
    if (text_.size() > kLineBytesMax) {
      refuse(base::format("a line of {} bytes: {} are the most that a history holds", text_.size(), kLineBytesMax));
    }
    return text_;
  }

 private:
  void begin(std::string_view field) { text_ += base::format(",\"{}\":", field); }

  std::string text_;
  std::string why_not_;
};

base::Result<std::unique_ptr<HistoryRecorder>> HistoryRecorder::open(const std::string& path, std::string_view process,
                                                                     base::LogSink* log) {
  const std::string wrong = why_no_name("the name of the process", process);
  if (!wrong.empty()) {
    return {make_error_code(std::errc::invalid_argument), base::format("record a history in {}: {}", path, wrong)};
  }
  const int descriptor = uninterrupted([&] { return ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644); });
  const auto failed = [&](int error, const std::string& why) {
    if (descriptor >= 0) ::close(descriptor);
    return base::Result<std::unique_ptr<HistoryRecorder>>(std::error_code(error, std::system_category()),
                                                          base::format("record a history in {}: {}", path, why));
  };
  if (descriptor < 0 || !end_torn_line(descriptor)) return failed(errno, text_of(errno));

  const std::int64_t started_ns = now_ns();
  std::unique_ptr<HistoryRecorder> recorder(new HistoryRecorder(descriptor, path, std::string(process), started_ns, log));
  Line line("start", process);
  line.number("at_ns", started_ns);
  line.number("format", kFormat);
  const std::string why = recorder->write(line);
  if (!why.empty()) {
    return {make_error_code(std::errc::io_error), base::format("record a history in {}: {}", path, why)};
  }
  return recorder;
}

HistoryRecorder::HistoryRecorder(int descriptor, std::string path, std::string process, std::int64_t started_ns,
                                 base::LogSink* log)
    : descriptor_(descriptor),
      path_(std::move(path)),
      process_(std::move(process)),
      // The same process, started again, must not make the same ids again.
      id_prefix_(base::format("{}.{:x}.", process_, started_ns)),
      log_(log) {}

HistoryRecorder::~HistoryRecorder() { ::close(descriptor_); }

std::string HistoryRecorder::invoke(const Invocation& call) {
  std::string id = call.id;
  if (id.empty()) id = id_prefix_ + std::to_string(ids_made_.fetch_add(1, std::memory_order_relaxed) + 1);
  Line line("invoke", process_);
  if (!call.client.empty()) line.name("client", call.client);
  line.name("id", id);
  line.name("op", call.op);
  if (const auto* number = std::get_if<std::int64_t>(&call.key)) line.number("key", *number);
  if (const auto* text = std::get_if<std::string>(&call.key)) line.text("key", *text);
  line.value("args", call.args);
  const std::int64_t at_ns = now_ns();
  line.number("at_ns", at_ns);
  if (call.timeout) line.number("deadline_ns", deadline_ns(at_ns, *call.timeout));
  write_or_count(line, "invoke", id);
  return id;
}

void HistoryRecorder::ok(std::string_view id, const HistoryValue& result) {
  write_completion(id, "ok", base::Ran::yes, result, std::nullopt);
}

void HistoryRecorder::failed(std::string_view id, std::string_view error, base::Ran ran) {
  write_completion(id, "failed", ran, {}, error);
}

void HistoryRecorder::maybe(std::string_view id, std::string_view error, base::Ran ran) {
  write_completion(id, "maybe", ran, {}, error);
}

void HistoryRecorder::complete(std::string_view id, const base::CallError& error) {
  // Checkers know a call that ran out of time by the name alone.
  const std::string text(error.errc() == base::Errc::deadline_exceeded ? name_of(error.errc()) : error.message());
  if (error.ran() == base::Ran::no) {
    failed(id, text, error.ran());
  } else {
    maybe(id, text, error.ran());
  }
}

void HistoryRecorder::write_completion(std::string_view id, std::string_view outcome, base::Ran ran,
                                       const HistoryValue& result, std::optional<std::string_view> error) {
  const std::int64_t at_ns = now_ns();
  Line line("complete", process_);
  if ((outcome == "failed" && ran == base::Ran::maybe) || (outcome == "maybe" && ran == base::Ran::no)) {
    line.refuse(base::format("outcome {} and ran {} contradict each other", outcome, name_of(ran)));
  }
  line.name("id", id);
  line.number("at_ns", at_ns);
  line.text("outcome", outcome);
  line.text("ran", name_of(ran));
  line.value("result", result);
  if (error) line.text("error", *error);
  write_or_count(line, "complete", id);
}

void HistoryRecorder::ran(std::string_view id) { write_of_server("ran", id); }
void HistoryRecorder::applied(std::string_view id) { write_of_server("applied", id); }
void HistoryRecorder::stored(std::string_view id) { write_of_server("stored", id); }

void HistoryRecorder::write_of_server(std::string_view type, std::string_view id) {
  Line line(type, process_);
  line.name("id", id);
  line.number("at_ns", now_ns());
  write_or_count(line, type, id);
}

void HistoryRecorder::write_or_count(Line& line, std::string_view type, std::string_view id) {
  const std::string why = write(line);
  if (why.empty()) return;
  const std::uint64_t lost = lines_lost_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (!std::has_single_bit(lost)) return;  // the first, the second, the fourth ...: a full disk loses all of them
  base::StderrLog to_stderr;
  base::LogSink& log = log_ != nullptr ? *log_ : to_stderr;
  log.log(base::LogLevel::error, "history in {}: {} of {} is lost, {} lines so far: {}", path_, type,
          id.substr(0, kNameBytesMax), lost, why);
}

std::string HistoryRecorder::write(Line& line) {
  const std::string_view text = line.finished();
  if (!line.why_not().empty()) return line.why_not();
  const std::lock_guard lock(mutex_);
  if (last_line_is_torn_) {
    const std::string why = append(kTornMark);
    if (!why.empty()) return why;
  }
  return append(text);
}

// With the lock.
std::string HistoryRecorder::append(std::string_view text) {
  const ssize_t written = uninterrupted([&] { return ::write(descriptor_, text.data(), text.size()); });
  if (written < 0) return text_of(errno);
  last_line_is_torn_ = static_cast<std::size_t>(written) < text.size() && (written > 0 || last_line_is_torn_);
  if (static_cast<std::size_t>(written) == text.size()) return {};
  return base::format("only {} of its {} bytes could be written", written, text.size());
}

}  // namespace razor::history
