#include "razor/wire/error_code_codec.h"

#include "razor/base/error.h"

namespace razor {
namespace {

const std::error_category* const kCategories[] = {&std::generic_category(), &std::system_category(), &base::errc_category()};

}  // namespace

void Codec<std::error_code>::encode(wire::Encoder& to, const std::error_code& value) {
  for (const std::error_category* known : kCategories) {
    if (*known != value.category()) continue;
    to.put_array(2);
    to.enter();
    to.put_text(known->name());
    to.put_signed(value.value());
    to.leave();
    return;
  }
  throw wire::EncodeError(std::string("an error_code of the category '") + value.category().name() +
                          "', which only this process knows");
}

bool Codec<std::error_code>::decode(wire::Decoder& from, std::error_code& value) {
  std::string_view name;
  int number = 0;
  if (!wire::detail::enter_array_of(from, 2) || !from.read_text(name) || !wire::decode(from, number)) return false;
  from.leave();
  for (const std::error_category* known : kCategories) {
    if (name != known->name()) continue;
    value = std::error_code(number, *known);
    return true;
  }
  return from.fail("an error_code of an unknown category");
}

}  // namespace razor
