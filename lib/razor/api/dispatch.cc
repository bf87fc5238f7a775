#include "razor/api/dispatch.h"

#include <algorithm>

#include "razor/base/check.h"
#include "razor/base/out_of_memory.h"

namespace razor::api {

void ServiceDispatch::add_entries(std::string_view service, std::shared_ptr<void> owner, void* implementation,
                                  std::span<const std::string_view> methods, std::span<const detail::Invoke> invokes) {
  RAZOR_CHECK(!services_.contains(service), "a service named '{}' is served already: name one of them with RAZOR_SERVICE_AS",
              service);
  for (const std::string_view method : methods) {
    const std::string name = MethodName{service, method}.full();
    RAZOR_CHECK(!entries_.contains(name), "a method named '{}' is served already, by a service with a dot in its name",
                name);
  }
  services_.emplace(std::string(service), std::move(owner));
  for (std::size_t i = 0; i < methods.size(); ++i) {
    entries_.emplace(MethodName{service, methods[i]}.full(), Entry{implementation, invokes[i], methods[i]});
  }
  last_ = nullptr;  // the table may have moved
}

void ServiceDispatch::dispatch(const stream::Request& request, stream::Responder respond) {
  if (!request.action.is_name() && fallback_ != nullptr) return fallback_->dispatch(request, std::move(respond));
  const std::string_view name = request.action.name();
  if (last_ == nullptr || last_->first != name) [[unlikely]] {
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
      refuse(request, std::move(respond));
      return;
    }
    last_ = &*found;
  }
  const Entry& entry = last_->second;
  entry.invoke(entry.implementation, request, std::move(respond), entry.method);
}

void ServiceDispatch::refuse(const stream::Request& request, stream::Responder respond) const {
  const std::string_view name = request.action.name();
  if (name.find('.') == name.npos) {
    if (fallback_ != nullptr) return fallback_->dispatch(request, std::move(respond));
    return respond.fail(base::Errc::decode);
  }
  respond.fail(names_a_service(name) ? base::Errc::method_not_found : base::Errc::service_not_found);
}

// The reference takes what stands before the first dot for the service. Between two of ours services may have dots in their
// names, so any service whose name the action begins with is the one that was meant.
bool ServiceDispatch::names_a_service(std::string_view action) const {
  for (std::size_t dot = action.find('.'); dot != action.npos; dot = action.find('.', dot + 1)) {
    if (services_.contains(action.substr(0, dot))) return true;
  }
  return false;
}

namespace detail {

void refuse_arguments(stream::Responder& respond, std::string_view action, std::string_view said,
                      const std::exception_ptr& thrown) {
  std::string why(said);
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    return respond.fail(stream::Failure(base::Errc::overloaded, base::Ran::no));
  } catch (const std::exception& exception) {
    why = base::text_or_empty([&] { return std::string(exception.what()); });
  } catch (...) {
    why = "a codec threw";
  }
  respond.fail_undecodable(action, why);
}

}  // namespace detail

std::vector<std::string> ServiceDispatch::methods() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace razor::api
