#pragma once
// ChromeTrace: what happens in a world as JSON that opens in Perfetto (ui.perfetto.dev) and chrome://tracing.
//
// Each host is a process there. Its tracks: "host" with crashes, pauses, cuts and what a scenario noted; "calls 1",
// "calls 2" … with as many calls and requests side by side as ran at a time; and one for each connection, with what it
// sent and what came. Arrows go from a call to the request it became and back, and from where bytes were sent to where
// they arrived; what was lost has no arrow.
// Source: "Trace Event Format" (the JSON of Catapult and Perfetto): phases B, E, i, s, f, M.

#include <vector>

#include "sim/trace_writer.h"

namespace razor::sim {

class ChromeTrace final : public TraceWriter {
 public:
  /// The world and `out` outlive the trace. The JSON is whole once the trace is destroyed.
  ChromeTrace(World& world, std::ostream& out);
  ~ChromeTrace() override;

 private:
  // A row of a host. Slices of one track never overlap.
  struct Track {
    std::uint64_t host;
    std::uint64_t row;
  };
  struct HostTracks {
    std::vector<runtime::SpanId> lanes;  // the span in each; kNoSpan where there is room for another
    bool is_named = false;
    std::string open_state;  // "down" or "paused", as long as it is
  };
  struct OpenSpan : Span {
    std::size_t lane;
  };
  // What ties both sides of a call, from its sending until its end.
  struct Tie {
    std::uint64_t request_arrow;
    std::uint64_t answer_arrow = 0;
  };

  void on_occurrence(const Occurrence& occurrence) override;
  void on_note(std::string_view text) override;
  void on_arrived(const Packet& packet) override;
  void on_span_begin(const Host& host, runtime::SpanId id, const runtime::SpanStart& start) override;
  void on_span_number(const Host& host, runtime::SpanId id, std::uint64_t number) override;
  void on_span_event(const Host& host, runtime::SpanId id, std::string_view name) override;
  void on_span_end(const Host& host, runtime::SpanId id, const runtime::SpanEnd& end) override;

  // --- Tracks
  Track host_track(const Host& host);
  Track lane_track(const Host& host, std::size_t lane);
  Track connection_track(const Packet& packet, bool of_sender);
  std::size_t take_lane(const Host& host, runtime::SpanId id);
  void name_track(Track track, std::string_view name);

  // --- What is written. Names are escaped already; `more` are further JSON members.
  void write(char phase, Track track, base::TimePoint at, std::string_view name, std::string_view more = {});
  void mark(Track track, std::string_view name, std::string_view scope = "t");
  void arrow(char phase, Track track, base::TimePoint at, std::string_view name, std::uint64_t arrow);
  void end(const OpenSpan& span, const runtime::SpanEnd& how);
  void end_all(const Host* of, std::string_view outcome);
  void set_state(const Host& host, std::string_view state);

  std::map<std::uint64_t, HostTracks> hosts_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, bool> rows_named_;
  std::map<runtime::SpanId, OpenSpan> spans_;
  std::map<std::string, Tie> ties_;
  std::uint64_t arrows_ = 0;
  bool is_first_ = true;
};

}  // namespace razor::sim
