#include "razor/api/context.h"

namespace razor::api {

constinit thread_local const CallContext* detail::entered_context = nullptr;

const runtime::Address& CallContext::peer() const {
  static const runtime::Address nobody;
  return responder_ != nullptr ? responder_->peer() : nobody;
}

CallContext current_context() { return detail::entered_context != nullptr ? *detail::entered_context : CallContext(); }

}  // namespace razor::api
