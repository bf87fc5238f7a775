#include "razor/stream/internal/faulty_handlers.h"

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "razor/base/out_of_memory.h"
#include "razor/stream/internal/server_stream.h"

namespace razor::stream {
namespace {

using base::Ref;

// A request whose handler starts later: it owns what a Request borrows.
struct KeptRequest {
  explicit KeptRequest(const Request& request)
      : is_name(request.action.is_name()),
        number(request.action.number()),
        name(request.action.name()),
        msg(request.msg.begin(), request.msg.end()),
        blob(request.take_blob()),
        seq(request.seq),
        format(request.format) {}

  wire::Action action() const { return is_name ? wire::Action(name) : wire::Action(number); }
  // Lives as long as this does. `peer` outlives it.
  Request view(const runtime::Address& peer) const { return Request{action(), msg, blob, seq, peer, format}; }

  bool is_name;
  std::uint32_t number;
  std::string name;
  base::Bytes msg;
  base::Blob blob;
  wire::Seq seq;
  const wire::WireFormat* format;
};

void run(Ref<ResponseOutlet> outlet, Ref<ServerShared> server, const Request& request, Responder respond,
         const runtime::HandlerFault& fault);

runtime::Task<void> run_later(Ref<ResponseOutlet> outlet, Ref<ServerShared> server, KeptRequest request, Responder respond,
                              runtime::HandlerFault fault) {
  co_await server->runtime.clock().sleep_for(fault.delay);
  // Nothing is dispatched from a connection that is gone, nor by a server that is.
  if (!outlet->is_open() || server->dispatch == nullptr) co_return;
  fault.delay = base::Duration::zero();
  const Request kept = request.view(outlet->peer());
  try {
    run(outlet, server, kept, std::move(respond), fault);
  } catch (...) {
    outlet->note_exception("a Dispatch", std::current_exception());
  }
}

void run(Ref<ResponseOutlet> outlet, Ref<ServerShared> server, const Request& request, Responder respond,
         const runtime::HandlerFault& fault) {
  if (fault.delay > base::Duration::zero()) {
    std::optional<KeptRequest> kept;
    if (!base::catching_bad_alloc([&] { kept.emplace(request); })) {
      return respond.fail(Failure(base::Errc::overloaded, base::Ran::no));  // no handler was there either
    }
    runtime::TaskScope& handlers = server->handlers;
    auto later = run_later(std::move(outlet), std::move(server), *std::move(kept), std::move(respond), fault);
    return handlers.run_inline("a delayed handler", std::move(later));
  }
  if (fault.throws) {
    const auto thrown = std::make_exception_ptr(std::runtime_error("a fault of the test, in place of the handler"));
    outlet->note_exception("a Dispatch", thrown);
  }
  // As if the handler had thrown, or dropped its responder; but no handler was there, which is said of the call.
  if (fault.throws || fault.drops) return respond.fail(Failure(base::Errc::internal, base::Ran::no));
  server->dispatch->dispatch(request, std::move(respond));
}

}  // namespace

void run_with_faults(runtime::HandlerFaultRule& rule, Ref<ResponseOutlet> outlet, Ref<ServerShared> server,
                     const Request& request, Responder respond) {
  run(std::move(outlet), std::move(server), request, std::move(respond), rule.next_request());
}

}  // namespace razor::stream
