#include "razor/wire/codec.h"

namespace razor::wire::detail {

static_assert(Encoder::kDepthMax == Decoder::kDepthMax, "what is sent must be accepted");

// --- Fields ------------------------------------------------------------------------------------------------------------

namespace {

FieldRef* find_field(std::span<FieldRef> fields, std::string_view name, std::size_t expected) {
  if (expected < fields.size() && fields[expected].info.name == name) return &fields[expected];
  for (FieldRef& field : fields) {
    if (field.info.name == name || (field.info.other_name == name && !name.empty())) return &field;
  }
  return nullptr;
}

}  // namespace

bool decode_other_fields(Decoder& from, std::span<FieldRef> fields, FieldsProgress& progress) {
  for (; progress.entries_read < progress.entries; ++progress.entries_read) {
    std::string_view name;
    if (!from.read_text(name)) return false;
    FieldRef* const field = find_field(fields, name, progress.entries_read);
    if (field == nullptr) {
      if (!from.skip()) return false;
      continue;
    }
    if (field->seen) return from.fail("a field appears twice", field->info.name);
    field->seen = true;
    if (!field->decode(from, field->address)) return from.fail_in(field->info.name);
  }
  for (const FieldRef& field : fields) {
    if (!field.seen && field.take == nullptr) return from.fail("a required field is missing", field.info.name);
  }
  from.leave();
  return true;
}

bool decode_elements(Decoder& from, std::span<FieldRef> fields) {
  if (!enter_array_of(from, fields.size())) return false;
  for (const FieldRef& field : fields) {
    if (!field.decode(from, field.address)) return false;
  }
  from.leave();
  return true;
}

bool all_seen(std::span<const FieldRef> fields) {
  return std::all_of(fields.begin(), fields.end(), [](const FieldRef& field) { return field.seen; });
}

void take_absent_fields(std::span<const FieldRef> fields, void* object, void* fresh) {
  for (const FieldRef& field : fields) {
    if (field.seen) continue;
    const auto offset = static_cast<const std::byte*>(field.address) - static_cast<const std::byte*>(object);
    field.take(field.address, fresh == nullptr ? nullptr : static_cast<std::byte*>(fresh) + offset);
  }
}

// --- Arrays ------------------------------------------------------------------------------------------------------------

bool enter_array_of(Decoder& from, std::size_t expected) {
  std::uint32_t count = 0;
  if (!from.read_array(count) || !from.enter()) return false;
  return count == expected || from.fail("wrong number of elements");
}

bool enter_parameters(Decoder& from, std::size_t required, std::size_t all, std::uint32_t& count) {
  // A method that had one parameter, which stands alone, or none.
  if (required <= 1 && !from.next_is_array()) {
    count = required == 0 && from.next_is_nil() ? 0 : 1;
    return count > 0 || from.read_nil();
  }
  if (!from.read_array(count)) return false;
  return (count >= required && count <= all) || from.fail("wrong number of elements");
}

bool decode_byte_array(Decoder& from, std::span<std::byte> bytes, std::size_t& count) {
  constexpr const char* kTooMany = "too many bytes for the array";
  if (!from.next_is_array()) {
    base::ByteView received;
    if (!from.read_binary(received)) return false;
    count = received.size();
    if (count > bytes.size()) return from.fail(kTooMany);
    std::copy(received.begin(), received.end(), bytes.begin());
    return true;
  }
  std::uint32_t elements = 0;
  if (!from.read_array(elements)) return false;
  if (elements > bytes.size()) return from.fail(kTooMany);
  for (count = 0; count < elements; ++count) {
    std::uint64_t element;
    if (!from.read_unsigned(element, 0xff)) return false;
    bytes[count] = static_cast<std::byte>(element);
  }
  return true;
}

}  // namespace razor::wire::detail
