#pragma once
// TextTrace: one line for each thing that happens in a world, in the order it happens:
//
//     0.000282628  client      call sent        Desk.add  client:32769 > server:7000 #1
//     0.000282628  client      sent             client:32769 > server:7000  43 bytes, arrive at 0.000410988
//
// seconds of virtual time, the host, what it did, and with whom.

#include "sim/trace_writer.h"

namespace razor::sim {

struct TextTraceConfig {
  bool turns = false;  ///< also when Runtimes run what is ready, fire timers, and draw seeds
};
static_assert(std::is_trivially_copyable_v<TextTraceConfig>);

class TextTrace final : public TraceWriter {
 public:
  /// The world and `out` outlive the trace.
  TextTrace(World& world, std::ostream& out, const TextTraceConfig& config = {});
  ~TextTrace() override;

 private:
  void on_occurrence(const Occurrence& occurrence) override;
  void on_note(std::string_view text) override;
  void on_sent(const Packet& packet) override;
  void on_span_begin(const Host& host, runtime::SpanId id, const runtime::SpanStart& start) override;
  void on_span_number(const Host& host, runtime::SpanId id, std::uint64_t number) override;
  void on_span_event(const Host& host, runtime::SpanId id, std::string_view name) override;
  void on_span_end(const Host& host, runtime::SpanId id, const runtime::SpanEnd& end) override;

  void line(std::string_view who, std::string_view what, std::string_view rest);
  void on_connection(const Occurrence& occurrence);
  void crashed(const Host& host);
  void span_line(const Span& span, std::string_view what, std::string_view rest = {});

  TextTraceConfig config_;
  std::map<runtime::SpanId, Span> spans_;
};

}  // namespace razor::sim
