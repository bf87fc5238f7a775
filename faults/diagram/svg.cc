#include "faults/diagram/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "faults/diagram.h"
#include "faults/html_text.h"

namespace razor::faults::diagram {
namespace {

constexpr int kBarWidth = 7;
// The arrow of what did not arrive ends so far on its way.
constexpr double kLostAt = 0.55;
constexpr int kLostFall = 9;

// The ends of hosts' names tell them apart.
std::string shortened_within(std::string_view name, std::size_t letters_max) {
  if (name.size() <= letters_max) return std::string(name);
  const bool has_simple_letters = std::ranges::all_of(name, [](char letter) { return letter > 0; });
  if (!has_simple_letters) return shortened(name, letters_max);
  const std::size_t behind = letters_max / 2;
  return shortened(name, letters_max - behind) + std::string(name.substr(name.size() - behind));
}

class Drawing {
 public:
  Drawing(const PageContent& content, const Selection& selection, const Notes& notes, const Layout& layout)
      : content_(content), selection_(selection), notes_(notes), layout_(layout) {}

  std::string svg() {
    draw_lanes();
    draw_breaks();
    draw_faults();
    draw_failure();
    for (const bool concerned : {false, true}) {
      for (const DrawnCall& call : selection_.calls) {
        if (call.is_concerned == concerned) draw(call);
      }
    }
    draw_stages();
    draw_moments();
    draw_notes();
    draw_axis();
    draw_heads();
    return fmt::format(
        "<svg class=\"diagram\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" aria-label=\"What "
        "happened between {2} hosts, from top to bottom; the same is said in words beside it.\">\n{3}</svg>\n",
        layout_.width(), layout_.height(), selection_.hosts.size(), out_);
  }

 private:
  template <class... Arguments>
  void draw(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Arguments>(arguments)...);
    out_ += '\n';
  }
  void draw_line(std::string_view css, int x1, int y1, int x2, int y2) {
    draw("<line class=\"{}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>", css, x1, y1, x2, y2);
  }
  void draw_text(std::string_view css, int x, int y, std::string_view text) {
    draw("<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>", css, x, y, in_html(text));
  }
  void draw_cross(std::string_view css, int x, int y, int size) {
    draw("<path class=\"{}\" d=\"M{} {}l{} {}M{} {}l{} {}\"/>", css, x - size, y - size, 2 * size, 2 * size, x - size,
         y + size, 2 * size, -2 * size);
  }

  void draw_heads() {
    for (const int y : {2, layout_.bottom()}) {
      for (std::size_t host = 0; host < selection_.hosts.size(); ++host) {
        const int letters = std::max((layout_.lane_width() - 10) / (kLetterWidth + 2), 3);
        draw("<g><title>{}</title>", in_html(selection_.hosts[host]));
        draw("<rect class=\"head\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\"/>",
             layout_.lane(host) - layout_.lane_width() / 2 + 3, y, layout_.lane_width() - 6, kHeadHeight);
        draw_text("head", layout_.lane(host), y + 17,
                  shortened_within(selection_.hosts[host], static_cast<std::size_t>(letters)));
        draw("</g>");
      }
    }
  }

  // A host that is down has a broken line, one that stands still a dotted one.
  void draw_lanes() {
    for (std::size_t host = 0; host < selection_.hosts.size(); ++host) {
      int from = kHeadHeight + 2;
      std::string css = "lane";
      for (const DrawnMoment& drawn : selection_.moments) {
        using Kind = Story::Moment::Kind;
        const Kind kind = drawn.moment->kind;
        if (drawn.host != host || !is_outage(kind)) continue;
        draw_line(css, layout_.lane(host), from, layout_.lane(host), layout_.row(drawn.moment->at));
        from = layout_.row(drawn.moment->at);
        const bool is_down = kind == Kind::crashed || kind == Kind::killed;
        css = is_down ? "lane down" : kind == Kind::paused ? "lane paused" : "lane";
      }
      draw_line(css, layout_.lane(host), from, layout_.lane(host), layout_.bottom());
    }
  }

  void draw_faults() {
    for (const DrawnFault& drawn : selection_.faults) {
      const std::string colour = fault_colour(drawn.index);
      const int begin = layout_.row(drawn.began);
      const int end = drawn.ended ? layout_.row(*drawn.ended) : layout_.bottom();
      const int offset = 5 + static_cast<int>(drawn.slot) * (kBarWidth + 2);
      draw("<g><title>{}</title>", in_html(drawn.fault->to_string()));
      if (drawn.hosts.empty()) {
        draw("<rect class=\"band {}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", colour, kAxisWidth, begin,
             layout_.lanes_end() - kAxisWidth, std::max(end - begin, 3));
      }
      if (drawn.hosts.size() > 1) {
        const auto [left, right] = std::ranges::minmax(drawn.hosts);
        for (const int y : {begin, end}) {
          draw_line("tie " + colour, layout_.lane(left) + offset + kBarWidth, y, layout_.lane(right) + offset, y);
        }
      }
      for (const std::size_t host : drawn.hosts) {
        const int x = layout_.lane(host) + offset;
        if (end > begin) {
          draw("<rect class=\"bar {}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"2\"/>", colour, x, begin, kBarWidth,
               end - begin);
        } else {
          draw("<path class=\"bar {}\" d=\"M{} {}l6 -6l6 6l-6 6z\"/>", colour, x - 2, begin);
        }
      }
      draw("</g>");
    }
  }

  void draw_breaks() {
    for (const auto& [y, span] : layout_.breaks()) {
      const int left = kAxisWidth - 8;
      const int top = y + 12;
      std::string wave;
      for (int x = left; x < layout_.lanes_end(); x += 12) wave += "q3 -4 6 0t6 0";
      draw("<rect class=\"break\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"20\"/>", left, top, layout_.lanes_end() - left);
      for (const int edge : {top, top + 20}) draw("<path class=\"wave\" d=\"M{} {}{}\"/>", left, edge, wave);
      draw_text("pass", kAxisWidth - 14, top + 14, fmt::format("{} pass", in_words(span)));
    }
  }

  void draw_arrow(std::string_view css, int x1, int y1, int x2, int y2, bool has_head) {
    draw_line(css, x1, y1, x2, y2);
    if (!has_head) return;
    // A marker would not take the colour of its line.
    const double length = std::max(1.0, std::hypot(x2 - x1, y2 - y1));
    const double along_x = (x2 - x1) / length;
    const double along_y = (y2 - y1) / length;
    const double back_x = x2 - along_x * 8;
    const double back_y = y2 - along_y * 8;
    draw("<path class=\"{} point\" d=\"M{} {}L{:.1f} {:.1f}L{:.1f} {:.1f}z\"/>", css, x2, y2, back_x - along_y * 3.5,
         back_y + along_x * 3.5, back_x + along_y * 3.5, back_y - along_x * 3.5);
  }
  // It does not arrive, or not while we look.
  void draw_lost(const std::string& css, int x1, int y1, int x2, bool has_cross) {
    const int x = x1 + static_cast<int>((x2 - x1) * kLostAt);
    draw_line(css, x1, y1, x, y1 + kLostFall);
    if (has_cross) draw_cross(css + " cross", x, y1 + kLostFall, 4);
  }

  void draw(const DrawnCall& drawn) {
    const Story::Call& call = drawn.call;
    const std::string css = drawn.is_concerned ? "call concerned" : "call";
    const int client = layout_.lane(drawn.client);
    const int server = layout_.lane(drawn.server);
    draw("<g class=\"{}\"><title>{}</title>", css, in_html(title_of(call)));
    if (const auto left = call.sent ? call.sent : call.began) draw_request(drawn, css, client, server, layout_.row(*left));
    if (call.dispatched) {
      const int begin = layout_.row(*call.dispatched);
      const int end = call.answered ? layout_.row(*call.answered) : begin + 6;
      draw("<rect class=\"{} work\" x=\"{}\" y=\"{}\" width=\"6\" height=\"{}\"/>", css, server - 3, begin,
           std::max(end - begin, 3));
    }
    if (call.answered) draw_answer(drawn, css, client, server, layout_.row(*call.answered));
    if (call.ended) {
      draw("<circle class=\"{} {}\" cx=\"{}\" cy=\"{}\" r=\"3\"/>", css, call.outcome == "ok" ? "good" : "bad", client,
           layout_.row(*call.ended));
    }
    draw("</g>");
  }
  void draw_request(const DrawnCall& drawn, const std::string& css, int client, int server, int y) {
    const Story::Call& call = drawn.call;
    if (!call.sent) {
      draw("<circle class=\"{} unsent\" cx=\"{}\" cy=\"{}\" r=\"3\"/>", css, client, y);
    } else if (!call.dispatched) {
      draw_lost(css, client, y, server, !drawn.is_cut_off);
    } else {
      draw_arrow(css, client, y, server, layout_.row(*call.dispatched), true);
    }
    draw_label(call, css, client, server, y);
  }
  void draw_answer(const DrawnCall& drawn, const std::string& css, int client, int server, int y) {
    const Story::Call& call = drawn.call;
    const bool arrives = call.ended && *call.ended >= *call.answered && call.outcome.find("ran: ") == std::string::npos;
    if (arrives) {
      draw_arrow(css + " answer", server, y, client, layout_.row(*call.ended), true);
    } else if (call.began) {
      draw_lost(css + " answer", server, y, client, !drawn.is_cut_off);
    }
  }
  // Only where it hides nothing.
  void draw_label(const Story::Call& call, const std::string& css, int client, int server, int y) {
    const int letters = (std::abs(server - client) - 24) / kLetterWidth;
    if (letters < 6) return;
    const std::string text = shortened(call.name, static_cast<std::size_t>(std::min(letters, 26)));
    const int text_width = static_cast<int>(text.size()) * kLetterWidth;
    const int x = server > client ? client + 16 : client - 16 - text_width;
    for (const auto& [other_x, other_y] : labels_) {
      if (std::abs(other_y - y) < 13 && std::abs(other_x - x) < text_width) return;
    }
    labels_.emplace_back(x, y);
    draw_text(css + " label", x, y - 3, text);
  }
  static std::string title_of(const Story::Call& call) {
    std::string title = fmt::format("{} {}", call.name, call.connection);
    if (call.number != 0) title += fmt::format(" #{}", call.number);
    if (call.ended) title += fmt::format("\nends: {}{}{}", call.outcome, call.detail.empty() ? "" : ": ", call.detail);
    if (call.caller_is_gone) title += "\nits caller is gone";
    if (call.answered) title += fmt::format("\nthe server answers: {}", call.answer);
    if (call.server_is_gone) title += "\nthe server is gone before it answers";
    return title;
  }

  void draw_stages() {
    for (const CallStory& call : content_.calls) {
      for (const CallStory::Stage& stage : call.stages) {
        const auto host = selection_.lane_of(stage.host);
        if (host) draw("<circle class=\"stage\" cx=\"{}\" cy=\"{}\" r=\"5\"/>", layout_.lane(*host), layout_.row(stage.at));
      }
    }
  }

  void draw_moments() {
    for (const DrawnMoment& drawn : selection_.moments) {
      using Kind = Story::Moment::Kind;
      const Story::Moment& moment = *drawn.moment;
      const int x = layout_.lane(drawn.host);
      const int y = layout_.row(moment.at);
      if (moment.kind == Kind::note) continue;
      draw("<g><title>{}</title>", in_html(text_of(moment)));
      if (moment.kind == Kind::crashed || moment.kind == Kind::killed) {
        draw_cross("crash", x, y, 7);
      } else {
        draw("<circle class=\"moment\" cx=\"{}\" cy=\"{}\" r=\"3\"/>", x, y);
      }
      draw("</g>");
    }
  }

  void draw_notes() {
    for (auto group = notes_.begin(); group != notes_.end(); group = notes_.upper_bound(group->first)) {
      std::vector<const Note*> notes;
      const auto [begin, end] = notes_.equal_range(group->first);
      for (auto note = begin; note != end; ++note) notes.push_back(&note->second);
      std::ranges::sort(notes, {}, &Note::order);
      int y = layout_.row(group->first);
      if (notes.front()->host) draw_line("leader", layout_.lane(*notes.front()->host), y, layout_.notes_begin() - 4, y);
      for (const Note* note : notes) {
        draw("<g><title>{}</title>", in_html(note->text));
        draw_text(note->css, layout_.notes_begin(), y + 4, shortened(note->text, kNotesWidth / (kLetterWidth + 1)));
        draw("</g>");
        y += kNoteHeight;
      }
    }
  }

  void draw_axis() {
    const bool in_milliseconds = std::ranges::all_of(
        layout_.rows(), [](const auto& row) { return row.first % std::chrono::milliseconds(1) == base::Duration::zero(); });
    int free_from = 0;
    for (const auto& [at, y] : layout_.rows()) {
      if (y < free_from) continue;
      const double seconds = std::chrono::duration<double>(at).count();
      draw_text(at == content_.failure.at ? "time failure" : "time", kAxisWidth - 14, y + 4,
                fmt::format("{:.{}f} s", seconds, in_milliseconds ? 3 : 6));
      free_from = y + 14;
    }
  }

  void draw_failure() {
    const int y = layout_.row(content_.failure.at);
    draw_line("failure", kAxisWidth - 10, y, layout_.lanes_end() + 8, y);
  }

  const PageContent& content_;
  const Selection& selection_;
  const Notes& notes_;
  const Layout& layout_;
  std::vector<std::pair<int, int>> labels_;  // where those are that are drawn
  std::string out_;
};

}  // namespace

std::string svg_of(const PageContent& content, const Selection& selection, const Notes& notes, const Layout& layout) {
  return Drawing(content, selection, notes, layout).svg();
}

}  // namespace razor::faults::diagram
