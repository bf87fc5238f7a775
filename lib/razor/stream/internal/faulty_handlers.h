#pragma once
// Handlers that a test lets go wrong (runtime/handler_fault.h): run later, replaced by an exception, or left out. Private to
// stream; in production nothing here runs.

#include "razor/runtime/handler_fault.h"
#include "razor/stream/internal/server_shared.h"

namespace razor::stream {

/// Hands `request` to the server's Dispatch, with the faults that `rule` decides on. Throws what the handler does.
void run_with_faults(runtime::HandlerFaultRule& rule, base::Ref<ResponseOutlet> outlet, base::Ref<ServerShared> server,
                     const Request& request, Responder respond);

}  // namespace razor::stream
