#include "razor/api/client.h"

#include "razor/base/check.h"
#include "razor/base/format.h"

namespace razor::api::detail {

base::CallError no_time(std::string_view action) {
  return {base::Errc::deadline_exceeded, base::Ran::no,
          base::format("call {}: its time was over when it was submitted", action)};
}

void check_thread(const StubTarget& target, std::string_view action) {
  RAZOR_CHECK(!target.channel->executor().runs_in_this_thread(),
              "blocking call of {} on the thread of its runtime, or while nobody runs that: it would never end", action);
}

void check_plain(bool is_plain, std::string_view action) {
  RAZOR_CHECK(is_plain, "blocking call of {} in this process: its handler is a coroutine, which only a coroutine can await",
              action);
}

}  // namespace razor::api::detail
