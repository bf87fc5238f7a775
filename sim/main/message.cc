#include "sim/main/message.h"

#include <fmt/format.h>

namespace razor::sim {
namespace {

// A message says which of the three it is, and then the fields of that struct in their order.

void write(FieldWriter& writer, const RunFailed& failed) {
  const ScenarioFailure& failure = failed.failure;
  writer.value(failed.number).value(failure.kind).text(failure.place).value(failure.at).text(failure.message);
}
void write(FieldWriter& writer, const RunText& text) { writer.value(text.number).text(text.name).text(text.text); }
void write(FieldWriter& writer, const RunDone& done) {
  writer.value(done.number).value(done.failure_count).value(done.events).value(done.elapsed).value(done.digest);
  writer.value(done.counts.has_value());
  if (!done.counts) return;
  writer.value(static_cast<std::uint32_t>(done.counts->size()));
  for (const auto& [name, count] : *done.counts) writer.text(name).value(count);
}

RunFailed read_failed(FieldReader& reader) {
  RunFailed failed{};
  failed.number = reader.value<std::uint64_t>();
  failed.failure.kind = reader.value<ScenarioFailure::Kind>();
  failed.failure.place = reader.text();
  failed.failure.at = reader.value<base::Duration>();
  failed.failure.message = reader.text();
  return failed;
}
RunText read_text(FieldReader& reader) {
  RunText text{};
  text.number = reader.value<std::uint64_t>();
  text.name = reader.text();
  text.text = reader.text();
  return text;
}
RunDone read_done(FieldReader& reader) {
  RunDone done{};
  done.number = reader.value<std::uint64_t>();
  done.failure_count = reader.value<std::uint64_t>();
  done.events = reader.value<std::uint64_t>();
  done.elapsed = reader.value<base::Duration>();
  done.digest = reader.value<std::uint64_t>();
  if (!reader.value<bool>()) return done;
  done.counts.emplace();
  for (auto left = reader.value<std::uint32_t>(); left > 0; --left) {
    std::string name = reader.text();
    done.counts->emplace_hint(done.counts->end(), std::move(name), reader.value<std::uint64_t>());
  }
  return done;
}

}  // namespace

RunText bounded(std::uint64_t number, std::string_view name, std::string_view text) {
  RunText told{number, std::string(name.substr(0, kReportNameMax)), std::string(text.substr(0, kReportTextMax))};
  if (text.size() > kReportTextMax) told.text += fmt::format("\n({} bytes more were cut off)", text.size() - kReportTextMax);
  return told;
}

Counts bounded(const Counts& counts) {
  Counts told;
  std::uint64_t left_out = 0;
  for (const auto& [name, count] : counts) {
    if (told.size() == kReportCountsMax) {
      ++left_out;
    } else {
      told[name.substr(0, kReportNameMax)] += count;
    }
  }
  if (left_out > 0) told["names of counts that were left out"] += left_out;
  return told;
}

std::string encode(const Message& message) {
  FieldWriter writer;
  writer.value(message.index());
  std::visit([&writer](const auto& told) { write(writer, told); }, message);
  return std::move(writer).message();
}

std::optional<Message> MessageReader::next() {
  const std::optional<std::string_view> frame = frames_.next();
  if (!frame) return std::nullopt;
  FieldReader reader(*frame);
  switch (reader.value<std::size_t>()) {
    case 0: return read_failed(reader);
    case 1: return read_text(reader);
    default: return read_done(reader);
  }
}

}  // namespace razor::sim
