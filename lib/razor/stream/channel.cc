#include "razor/stream/channel.h"

namespace razor::stream {

void start_encoded(Channel& channel, Exchange& exchange, const wire::Action& action, const CallOptions& options,
                   base::ByteView message, base::Blob blob) {
  bool has_begun = false;
  try {
    RequestDraft draft = channel.draft(exchange, action, options);
    has_begun = true;
    if (!base::catching_bad_alloc([&] { draft.sink().put(message); }))
      return draft.refuse(base::out_of_memory(base::Ran::no));
    draft.commit(std::move(blob));
  } catch (const std::bad_alloc&) {
    if (has_begun) throw;
    exchange.on_failed(base::out_of_memory(base::Ran::no));
  }
}

}  // namespace razor::stream
