#include "razor/api/context.h"

namespace razor::api {
namespace {

constinit thread_local const CallContext* entered = nullptr;

}  // namespace

const runtime::Address& CallContext::peer() const {
  static const runtime::Address nobody;
  return responder_ != nullptr ? responder_->peer() : nobody;
}

CallContext current_context() { return entered != nullptr ? *entered : CallContext(); }

detail::EnteredContext::EnteredContext(const CallContext& context) : outer_(entered) { entered = &context; }

detail::EnteredContext::~EnteredContext() { entered = outer_; }

}  // namespace razor::api
