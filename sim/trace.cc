#include "sim/trace.h"

#include <cerrno>
#include <fstream>

namespace razor::sim {
namespace {

template <class Trace>
class TraceIn final : public Observer {
 public:
  TraceIn(World& world, std::ofstream file) : file_(std::move(file)), trace_(world, file_) {}

 private:
  std::ofstream file_;
  Trace trace_;
};

}  // namespace

base::Result<std::unique_ptr<Observer>> open_trace(World& world, const std::filesystem::path& path) {
  const std::filesystem::path ending = path.extension();
  if (ending != ".txt" && ending != ".json" && ending != ".pcap") return std::make_error_code(std::errc::invalid_argument);
  errno = 0;
  std::ofstream file;
  file.rdbuf()->pubsetbuf(nullptr, 0);  // a run that crashes is the one whose last lines are wanted
  file.open(path, std::ios::binary | std::ios::trunc);
  if (!file) return std::error_code(errno != 0 ? errno : EIO, std::generic_category());
  std::unique_ptr<Observer> trace;
  if (ending == ".txt") trace = std::make_unique<TraceIn<TextTrace>>(world, std::move(file));
  if (ending == ".json") trace = std::make_unique<TraceIn<ChromeTrace>>(world, std::move(file));
  if (ending == ".pcap") trace = std::make_unique<TraceIn<PcapTrace>>(world, std::move(file));
  return trace;
}

}  // namespace razor::sim
