#include "razor/json/json_format.h"

#include "razor/json/json_reader.h"
#include "razor/json/json_writer.h"

namespace razor::json {
namespace {

class JsonFormat final : public wire::WireFormat {
 public:
  std::uint8_t id() const override { return 1; }
  std::string_view name() const override { return "json"; }
  void write(wire::Decoder& values, wire::ByteSink& to) const override { write_json(values, to); }
  void read(base::ByteView bytes, wire::Encoder& to) const override { read_json(bytes, to); }
};

}  // namespace

const wire::WireFormat& json_format() {
  static const JsonFormat format;
  return format;
}

}  // namespace razor::json
