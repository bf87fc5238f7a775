#include "sim/trace_writer.h"

#include <fmt/format.h>

namespace razor::sim {

const TraceWriter::Ends* TraceWriter::ends_of(std::uint64_t direction) {
  const std::uint64_t number = direction >> 1;
  const auto known = ends_.find(number);
  if (known != ends_.end()) return &known->second;
  const Connection* connection = world_.fabric().find_connection(number);
  if (connection == nullptr) return nullptr;
  Ends ends;
  for (const int end : {0, 1}) {
    ends.hosts[end] = &connection->socket(end).host();
    ends.addresses[end] = escaped(connection->socket(end).local().to_string());
  }
  return &ends_.emplace(number, std::move(ends)).first->second;
}

TraceWriter::Span TraceWriter::span_of(const Host& host, const runtime::SpanStart& start) const {
  return {
      &host, start.side, escaped(start.name), escaped(start.client.to_string()) + " > " + escaped(start.server.to_string()),
      0,     now()};
}

std::string escaped(std::string_view text) {
  std::string printable;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x20 || byte >= 0x7f || letter == '"' || letter == '\\') {
      printable += fmt::format("\\u{:04x}", byte);
    } else {
      printable += letter;
    }
  }
  return printable;
}

}  // namespace razor::sim
