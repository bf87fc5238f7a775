#pragma once
// LiveLines: lines on stderr, written over and over in the same place.

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

namespace razor::node {

class LiveLines {
 public:
  /// Lines that are too long for the terminal are cut: those that wrap cannot be written over.
  void show(const std::vector<std::string>& lines) {
    const std::size_t columns = columns_of_stderr();
    std::string text;
    for (const std::string& line : lines) {
      text += fmt::format("{}\r{}\033[K", text.empty() ? "" : "\n", line.substr(0, columns));
    }
    text += "\033[J";  // of lines that are no more
    if (lines.size() > 1) text += fmt::format("\033[{}A", lines.size() - 1);
    write(text);
  }
  void wipe() { write("\r\033[J"); }

 private:
  static std::size_t columns_of_stderr() {
    winsize size{};
    const bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return is_known ? size.ws_col - 1u : 120u;
  }
  static void write(const std::string& text) {
    fmt::print(stderr, "{}", text);
    std::fflush(stderr);
  }
};

}  // namespace razor::node
