#include "razor/wire/codec.h"

namespace razor::wire::detail {
namespace {

constexpr std::size_t kNoSuchField = kFieldsMax;

std::size_t find_field(std::span<const FieldRef> fields, std::string_view name, std::size_t expected) {
  if (expected < fields.size() && fields[expected].name() == name) return expected;
  for (std::size_t index = 0; index < fields.size(); ++index) {
    if (fields[index].name() == name) return index;
  }
  return kNoSuchField;
}

}  // namespace

bool decode_fields(Decoder& from, std::span<FieldRef> fields, std::uint64_t& seen) {
  FieldsProgress progress;
  if (!from.read_map(progress.entries) || !from.enter() || !decode_other_fields(from, fields, progress)) return false;
  seen = progress.seen;
  return true;
}

bool decode_other_fields(Decoder& from, std::span<FieldRef> fields, FieldsProgress& progress) {
  static_assert(kFieldsMax <= 64, "`seen` has a bit for each field");
  for (; progress.entries_read < progress.entries; ++progress.entries_read) {
    std::string_view name = std::exchange(progress.name, {});
    if (name.data() == nullptr && !from.read_text(name)) return false;
    const std::size_t index = find_field(fields, name, progress.entries_read);
    if (index == kNoSuchField) {
      if (!from.skip()) return false;
      continue;
    }
    const FieldRef& field = fields[index];
    const std::uint64_t bit = std::uint64_t{1} << index;
    if ((progress.seen & bit) != 0) return from.fail("a field appears twice", field.name());
    progress.seen |= bit;
    if (!field.decode(from, field.address)) return from.fail_in(field.name());
  }
  for (std::size_t index = 0; index < fields.size(); ++index) {
    const bool missing = (progress.seen & (std::uint64_t{1} << index)) == 0;
    if (missing && !fields[index].may_be_absent()) return from.fail("a required field is missing", fields[index].name());
  }
  from.leave();
  return true;
}

void take_absent_fields(std::span<const FieldRef> fields, std::uint64_t seen, void* object, void* fresh) {
  for (std::size_t index = 0; index < fields.size(); ++index) {
    if ((seen & (std::uint64_t{1} << index)) != 0) continue;
    const FieldRef& field = fields[index];
    const auto offset = static_cast<const std::byte*>(field.address) - static_cast<const std::byte*>(object);
    field.take(field.address, fresh == nullptr ? nullptr : static_cast<std::byte*>(fresh) + offset);
  }
}

bool decode_elements(Decoder& from, std::span<FieldRef> fields) {
  std::uint32_t count;
  if (!from.read_array(count) || !from.enter()) return false;
  if (count != fields.size()) return from.fail("wrong number of elements");
  for (const FieldRef& field : fields) {
    if (!field.decode(from, field.address)) return false;
  }
  from.leave();
  return true;
}

}  // namespace razor::wire::detail
