#pragma once
// LocalCall: a handler in this process that suspended. Private to api.

#include <string>

#include "razor/api/call.h"
#include "razor/base/unique_function.h"
#include "razor/base/user_code.h"

namespace razor::api {

template <class T, class E>
class ClientCall;

namespace detail {

/// Owned by its ClientCall, until a completion waits instead: then by itself.
template <class T, class E>
struct LocalCall final : runtime::Continuation {
  LocalCall(std::string_view method, Call<T, E> running, ClientCall<T, E>& waiting)
      : action(method), call(std::move(running)), owner(&waiting) {}
  void child_finished() override {
    Reply<T, E> reply = Call<T, E>::reply_of(*call.coroutine());
    if (owner != nullptr) return owner->finish_local(std::move(reply));
    base::run_user_code(
        nullptr, [this] { return "the completion of " + std::string(action); }, [&] { done(std::move(reply)); });
    delete this;
  }

  std::string_view action;
  Call<T, E> call;
  ClientCall<T, E>* owner;  // null once `done` waits
  base::UniqueFunction<void(Reply<T, E>)> done;
};

}  // namespace detail
}  // namespace razor::api
